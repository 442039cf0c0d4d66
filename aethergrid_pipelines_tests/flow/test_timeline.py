"""Days become as few bars as a phone can show, and nothing is lost on the way."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethergrid_pipelines.flow.timeline import MOST_BUCKETS, Series, drawn, start_of

MONDAY = dt.date(2026, 10, 5)


def test_days_without_anything_are_there_too() -> None:
    found = drawn([(MONDAY, "gpt-5", 3), (dt.date(2026, 10, 8), "gpt-5", 1)], by="model", most=6)

    assert (found.unit, len(found.starts)) == ("day", 4)
    assert found.series == [Series("gpt-5", 4, [3, 0, 0, 1])]
    assert found.others is None


@pytest.mark.parametrize(
    ("days", "unit", "buckets"),
    [(60, "day", 60), (61, "week", 9), (420, "week", 60), (421, "month", 14), (1_826, "month", 60), (1_900, "year", 6)],
)
def test_the_unit_grows_with_the_time(days: int, unit: str, buckets: int) -> None:
    first = dt.date(2024, 1, 1)

    found = drawn([(first, "a", 1), (first + dt.timedelta(days=days - 1), "a", 1)], by="topic", most=6)

    assert (found.unit, len(found.starts)) == (unit, buckets)


def test_what_is_not_among_the_largest_is_added_up() -> None:
    rows = [(MONDAY, name, fragments) for name, fragments in (("a", 5), ("b", 9), ("c", 1), ("d", 2))]

    found = drawn(rows, by="topic", most=2)

    assert [series.name for series in found.series] == ["b", "a"]
    assert found.others == Series("2 others", 3, [3])


def test_nothing_gives_nothing() -> None:
    assert drawn([], by="model", most=6).starts == []


@given(st.lists(st.tuples(st.dates(), st.sampled_from("abc"), st.integers(1, 9)), min_size=1, max_size=50))
def test_every_fragment_is_in_one_bucket(rows: list[tuple[dt.date, str, int]]) -> None:
    found = drawn(rows, by="model", most=2)

    series = [*found.series, *([found.others] if found.others else [])]
    assert sum(sum(one.fragments) for one in series) == sum(fragments for _, _, fragments in rows)
    assert all(len(one.fragments) == len(found.starts) for one in series)
    assert found.starts == sorted(set(found.starts))
    assert found.unit == "year" or len(found.starts) <= MOST_BUCKETS
    assert {start_of(day, found.unit) for day, _, _ in rows} <= set(found.starts)
