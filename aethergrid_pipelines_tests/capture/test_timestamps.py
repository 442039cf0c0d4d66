import datetime as dt

import pytest

from aethergrid_pipelines.capture.timestamps import parse_timestamp

NINE = dt.datetime(2026, 10, 5, 9, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-10-05T09:30:00Z",
        "2026-10-05T09:30:00.000+00:00",
        "2026-10-05T11:30:00+02:00",
        "2026-10-05 09:30",
        1_791_192_600,
        1_791_192_600.0,
        1_791_192_600_000,
    ],
)
def test_iso_text_and_epochs_give_the_same_moment(value: object) -> None:
    assert parse_timestamp(value) == NINE


@pytest.mark.parametrize(
    "value",
    [None, True, "", "yesterday", "20261005", "1791192600", [], {}, 1e300, float("nan"), -(10**18), "2026-13-01"],
)
def test_anything_else_is_refused_with_what_is_expected(value: object) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_timestamp(value)


def test_the_edges_of_the_calendar_are_refused_and_do_not_overflow() -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_timestamp("0001-01-01T00:00:00+14:00")
