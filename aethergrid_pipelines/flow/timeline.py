"""How much was said over time, by model, topic or task type: what a picture of the memory is drawn from."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select

from aethergrid_pipelines.records.tables import TopicStatRow, table_of
from aethergrid_pipelines.stores.catalog import Catalog

By = Literal["model", "topic", "task_type"]
Unit = Literal["day", "week", "month", "year"]

MOST_BUCKETS = 60
"""More of them and a bar is thinner than what one can point at on a phone."""

_COLUMNS: dict[By, str] = {"model": "source_model", "topic": "topic", "task_type": "task_type"}

_topics = table_of(TopicStatRow)


@dataclass(frozen=True, slots=True)
class Series:
    """One model, topic or task type: fragments in each bucket, and all together."""

    name: str
    total: int
    fragments: list[int]


@dataclass(frozen=True, slots=True)
class Timeline:
    """``starts`` holds the first day of each bucket, without gaps; all series are as long. The largest come first;
    what is beyond those that were asked for is added up in ``others``."""

    by: By
    unit: Unit
    starts: list[dt.date]
    series: list[Series]
    others: Series | None


def timeline(catalog: Catalog, *, by: By, space: str | None = None, most: int = 6) -> Timeline:
    """Fragments by the UTC day of their conversation. Raises ``StoreUnavailable``."""
    name = _topics.c[_COLUMNS[by]]
    query = select(_topics.c.day, name, func.sum(_topics.c.fragments)).group_by(_topics.c.day, name)
    if space is not None:
        query = query.where(_topics.c.space == space)
    with catalog.reading() as connection:
        rows = connection.execute(query).all()
    return drawn(((row[0], str(row[1]), int(row[2])) for row in rows), by=by, most=most)


def drawn(rows: Iterable[tuple[dt.date, str, int]], *, by: By, most: int) -> Timeline:
    """Rows of (day, name, fragments) in any order as at most :data:`MOST_BUCKETS` buckets (years may be more), in the
    smallest unit that gives so few."""
    counts: dict[str, dict[dt.date, int]] = defaultdict(lambda: defaultdict(int))
    days: set[dt.date] = set()
    for day, name, fragments in rows:
        counts[name][day] += fragments
        days.add(day)
    if not days:
        return Timeline(by, "day", [], [], None)
    unit, starts = _buckets(min(days), max(days))
    place = {start: number for number, start in enumerate(starts)}
    found = []
    for name, by_day in counts.items():
        heights = [0] * len(starts)
        for day, fragments in by_day.items():
            heights[place[start_of(day, unit)]] += fragments
        found.append(Series(name, sum(heights), heights))
    found.sort(key=lambda series: (-series.total, series.name))
    return Timeline(by, unit, starts, found[:most], _added_up(found[most:]))


def start_of(day: dt.date, unit: Unit) -> dt.date:
    """The first day of the bucket that a day falls into; weeks begin on Monday."""
    if unit == "week":
        return day - dt.timedelta(days=min(day.weekday(), day.toordinal() - 1))
    if unit == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit == "year" else day


def _buckets(first: dt.date, last: dt.date) -> tuple[Unit, list[dt.date]]:
    days = (last - first).days + 1
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    if days <= MOST_BUCKETS:
        return "day", [first + dt.timedelta(days=number) for number in range(days)]
    monday = start_of(first, "week")
    weeks = (last - monday).days // 7 + 1
    if weeks <= MOST_BUCKETS:
        return "week", [monday + dt.timedelta(weeks=number) for number in range(weeks)]
    if months <= MOST_BUCKETS:
        numbers = range(first.year * 12 + first.month - 1, first.year * 12 + first.month - 1 + months)
        return "month", [dt.date(number // 12, number % 12 + 1, 1) for number in numbers]
    return "year", [dt.date(year, 1, 1) for year in range(first.year, last.year + 1)]


def _added_up(rest: list[Series]) -> Series | None:
    if not rest:
        return None
    heights = [sum(together) for together in zip(*(series.fragments for series in rest), strict=True)]
    return Series(f"{len(rest)} others", sum(heights), heights)
