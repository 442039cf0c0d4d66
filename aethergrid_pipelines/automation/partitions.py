"""Partitions: the UTC day of a conversation's first message, and runs over several days."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping

import dagster as dg

from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.records.conversation import FIRST_DAY

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

MAX_GAP = 7
MAX_SPAN = 31
"""Days between two dirty days that one run covers, and days that one run covers at most. A day without changes costs
nothing in the stores, but Dagster writes an event for each asset and day of a run."""

MAX_CONVERSATIONS = 2_000
"""Conversations that one run covers at most, unless a single day has more: a few minutes of work. So a history, however
long or dense, becomes several runs, which several workers share and of which a killed worker loses one."""

BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=MAX_SPAN)
"""Every asset's: all have the same, or a backfill of several would be cut into as many runs as the finest."""

EMBEDDER_POOL = "embedder"
VECTOR_STORE_POOL = "vector_store"
"""Dagster's concurrency pools: how many steps of all runs embed, or write vectors, at once. Without a limit in the
instance they cost nothing."""


def daily_partitions() -> dg.DailyPartitionsDefinition:
    """From :data:`FIRST_DAY` up to and including today."""
    return dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), end_offset=1)


def day_ranges(days: Iterable[dt.date] | Mapping[dt.date, int]) -> list[tuple[dt.date, dt.date]]:
    """Days, in any order, as few ranges that cover them, ascending. A mapping says how many conversations of each day
    are dirty; else each time that a day is named is one."""
    ranges: list[tuple[dt.date, dt.date]] = []
    conversations = 0
    for day, dirty in sorted(Counter(days).items()):
        if ranges and _fits(ranges[-1], day) and conversations + dirty <= MAX_CONVERSATIONS:
            ranges[-1] = (ranges[-1][0], day)
            conversations += dirty
        else:
            ranges.append((day, day))
            conversations = dirty
    return ranges


def _fits(days: tuple[dt.date, dt.date], day: dt.date) -> bool:
    return (day - days[1]).days <= MAX_GAP and (day - days[0]).days < MAX_SPAN


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
