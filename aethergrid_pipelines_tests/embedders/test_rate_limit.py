"""Waits follow what the server says."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from aethergrid_pipelines.embedders.rate_limit import RateLimit, WaitTooLong, duration, retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("12", 12),
        ("", None),
        ("soon", None),
        ("5s or so", None),
        (None, None),
    ],
)
def test_durations_are_read_as_openai_writes_them(value: str | None, seconds: float | None) -> None:
    assert duration(value) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "3", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "later"}, None),
        ({"retry-after": "-5"}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_may_be_a_date_to_come() -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    assert retry_after({"retry-after": moment}) == pytest.approx(600, abs=5)


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> RateLimit:
    return RateLimit(longest=60, sleep=clock.sleep, clock=lambda: clock.now)


def test_nothing_said_is_no_wait(limit: RateLimit, clock: Clock) -> None:
    limit.note({})
    limit.hold(10**9)
    assert clock.now == 100


def test_tokens_are_counted_down_between_answers(limit: RateLimit, clock: Clock) -> None:
    limit.note({"x-ratelimit-remaining-tokens": "1000", "x-ratelimit-reset-tokens": "6s"})
    limit.hold(600)
    assert clock.now == 100
    limit.hold(600)
    assert clock.now == 106
    limit.hold(600)
    assert clock.now == 106


def test_requests_left_are_no_reason_to_wait(limit: RateLimit, clock: Clock) -> None:
    limit.note({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "50s"})
    limit.hold(1)
    assert clock.now == 100


def test_the_longest_pause_of_several_holds(limit: RateLimit, clock: Clock) -> None:
    limit.note({"retry-after": "20"})
    limit.note({"retry-after": "5"})
    limit.hold(1)
    assert clock.now == 120


def test_a_pause_beyond_the_longest_is_refused(limit: RateLimit, clock: Clock) -> None:
    limit.note({"retry-after": "61"})
    with pytest.raises(WaitTooLong, match="61 s"):
        limit.hold(1)
    assert clock.now == 100
