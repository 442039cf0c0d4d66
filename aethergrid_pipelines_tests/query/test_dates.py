import datetime as dt

import pytest

from aethergrid_pipelines.query.dates import matches, mentions

NOW = dt.datetime(2026, 10, 14, 15, 0, tzinfo=dt.UTC)  # a Wednesday


def held(question: str, *days: str) -> list[tuple[float, float]]:
    moments = [dt.datetime.fromisoformat(f"{day}T12:00:00+00:00") for day in days]
    spans, near = matches(mentions(question, NOW), moments)
    return list(zip(spans.tolist(), near.tolist(), strict=True))


@pytest.mark.parametrize(
    ("question", "inside", "outside"),
    [
        ("What broke in May?", "2025-05-31", "2025-06-01"),
        ("What did we decide in may?", "2026-05-03", "2026-04-30"),
        ("What happened in October 2025?", "2025-10-02", "2026-10-02"),
        ("What did Ana say yesterday?", "2026-10-13", "2026-09-13"),
        ("What did Ana say last week?", "2026-10-05", "2026-10-04"),
        ("What did Ana say last week?", "2026-10-11", "2026-10-12"),
        ("Which bugs did we fix this week?", "2026-10-12", "2026-10-11"),
        ("What was planned last month?", "2026-09-01", "2026-10-01"),
        ("What was the budget last year?", "2025-12-31", "2026-01-01"),
        ("Who joined in 2024?", "2024-07-01", "2025-01-01"),
        ("What did we try two weeks ago?", "2026-09-30", "2026-10-10"),
        ("What have we shipped recently?", "2026-10-01", "2026-09-29"),
        ("What happened in 2025-03?", "2025-03-31", "2025-04-01"),
        ("Was there an outage in Sept?", "2026-09-09", "2026-10-09"),
    ],
)
def test_a_time_in_a_question_holds_the_days_it_means(question: str, inside: str, outside: str) -> None:
    assert [span for span, _ in held(question, inside, outside)] == [1.0, 0.0]


@pytest.mark.parametrize(
    "question", ["What broke on 7 October?", "What broke on October 7th, 2026?", "What broke on 2026-10-07?"]
)
def test_a_day_is_met_within_two_days_and_its_month_more_loosely(question: str) -> None:
    assert held(question, "2026-10-07", "2026-10-09", "2026-10-10", "2026-11-07") == [(1, 1), (1, 1), (1, 0), (0, 0)]


@pytest.mark.parametrize(
    "question",
    [
        "May I use tabs?",
        "You may march on",
        "What is version 2024?",
        "decide",
        "the 31st thing",
        "2026-13-45",
        "99 days",
    ],
)
def test_what_only_looks_like_a_time_is_none(question: str) -> None:
    found = [one for one in mentions(question, NOW) if one.month != 3]
    assert found == []


def test_a_day_that_no_calendar_has_is_passed_over() -> None:
    assert mentions("What happened on 31 February 2026?", NOW) == []
    assert mentions("What happened 999 years ago?", NOW)
