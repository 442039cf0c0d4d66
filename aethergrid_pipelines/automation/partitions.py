"""Partitions: the UTC day of a conversation's first message, and runs over several days."""

import datetime as dt
from collections.abc import Iterable, Mapping

import dagster as dg

from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.records.conversation import FIRST_DAY

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

MAX_GAP = 7
MAX_SPAN = 100
"""Days between two dirty days that one run covers, and days that one run covers at most. A day without changes costs
nothing in the stores, but Dagster writes an event for each asset and day of a run."""


def daily_partitions() -> dg.DailyPartitionsDefinition:
    """From :data:`FIRST_DAY` up to and including today."""
    return dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), end_offset=1)


def day_ranges(days: Iterable[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Days, in any order, as few ranges that cover them, ascending."""
    ranges: list[tuple[dt.date, dt.date]] = []
    for day in sorted(set(days)):
        if ranges and (day - ranges[-1][1]).days <= MAX_GAP and (day - ranges[-1][0]).days < MAX_SPAN:
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


def range_tags(first: dt.date, last: dt.date) -> dict[str, str]:
    """The tags of a run over these days."""
    if first == last:
        return {PARTITION_TAG: first.isoformat()}
    return {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}


def run_request(first: dt.date, last: dt.date, *, job_name: str, key: str) -> dg.RunRequest:
    """A run over one day or a range of days; ``key`` tells requests for the same days apart."""
    return dg.RunRequest(run_key=f"{first}:{last}:{key}", job_name=job_name, tags=range_tags(first, last))


def scope_of(tags: Mapping[str, str]) -> Scope:
    """The days that a run is about, from its tags; all days where it names none."""
    if PARTITION_TAG in tags:
        return Scope.day(dt.date.fromisoformat(tags[PARTITION_TAG]))
    if RANGE_START_TAG in tags:
        return Scope(dt.date.fromisoformat(tags[RANGE_START_TAG]), dt.date.fromisoformat(tags[RANGE_END_TAG]))
    return Scope()
