"""The sensor that drains the change feed: what was captured becomes searchable without anybody's doing."""

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING

import dagster as dg

from aethergrid_pipelines.automation.jobs import INGEST_JOB
from aethergrid_pipelines.automation.partitions import day_ranges, run_request
from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.flow.state import days_of, digest
from aethergrid_pipelines.stores import lease
from aethergrid_pipelines.stores.conversations import HistoryLost
from aethergrid_pipelines.stores.errors import StoreUnavailable

if TYPE_CHECKING:
    from aethergrid_pipelines.flow.stores import Stores

INTERVAL_SECONDS = 4
"""The daemon looks at sensors every five seconds, and passes over one whose last tick began less than this ago. A tick
begins a moment after the look: with five, most of the looks were in vain and ticks were ten seconds apart."""

PAGE = 1_000
MAX_CHANGES = 20_000
"""Changes that one tick takes: it has sixty seconds."""

MAX_ACTIVE_RUNS = 2
STALLED = dt.timedelta(minutes=10)
"""A run without a sign of life for so long no longer holds the sensor back: its process may have been killed."""


@dg.sensor(
    job_name=INGEST_JOB,
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests a run for each day in which conversations changed.",
)
def conversation_changes(
    context: dg.SensorEvaluationContext, stores: StoresResource
) -> dg.SensorResult | dg.SkipReason:
    """Read the feed from the cursor; where its history is lost, or at the first time, look for what is stale."""
    if _active_runs(context.instance) >= MAX_ACTIVE_RUNS:
        return dg.SkipReason("runs are in progress; the changes wait in the feed")
    opened = stores.open()
    try:
        if lease.held(opened.catalog, lease.LIVE):
            # Without a cursor the next tick without a live worker looks for whatever that one left stale.
            context.update_cursor("")
            return dg.SkipReason("the live worker follows the change feed")
        days, cursor, reason = read_feed(opened, context.cursor or None)
    except StoreUnavailable as error:
        return dg.SkipReason(str(error))
    if not days:
        context.update_cursor(cursor)
        return dg.SkipReason(reason or "no conversation changed")
    if reason:
        context.log.info("%s", reason)
    requests = [run_request(first, last, job_name=INGEST_JOB, key=digest(cursor)) for first, last in day_ranges(days)]
    return dg.SensorResult(run_requests=requests, cursor=cursor)


def read_feed(stores: "Stores", cursor: str | None) -> tuple[Counter[dt.date], str, str | None]:
    """The dirty days since ``cursor``, each as often as it changed, the next cursor, and why a scan was needed, if so.

    Raises ``StoreUnavailable``; the cursor then stays where it was.
    """
    if cursor is None:
        return _scan(stores, "the first look at the conversation store")
    days = Counter[dt.date]()
    try:
        for _ in range(MAX_CHANGES // PAGE):
            page = stores.conversations.changes(cursor, limit=PAGE)
            days.update(change.day for change in page.changes)
            cursor = page.cursor
            if len(page.changes) < PAGE:
                break
    except HistoryLost as error:
        return _scan(stores, f"the history of the change feed is lost ({error}): scanned instead")
    return days, cursor, None


def _scan(stores: "Stores", reason: str) -> tuple[Counter[dt.date], str, str]:
    # The cursor comes first: what changes during the scan is then seen twice rather than never.
    cursor = stores.conversations.changes(None).cursor
    return stale_days(stores), cursor, reason


def stale_days(stores: "Stores") -> Counter[dt.date]:
    """The days with something to do for any step, and for how many conversations at most in one step."""
    from aethergrid_pipelines.flow.scope import Scope
    from aethergrid_pipelines.flow.steps import CHAIN

    days = Counter[dt.date]()
    for step in CHAIN:
        days |= Counter(item.day for item in step.stale(stores, Scope()))
        days |= Counter(days_of(stores.catalog, step=step.name, conversation_ids=step.gone(stores, Scope())))
    return days


def _active_runs(instance: dg.DagsterInstance) -> int:
    statuses = [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
    ]
    lively = dt.datetime.now(dt.UTC) - STALLED
    return instance.get_runs_count(dg.RunsFilter(job_name=INGEST_JOB, statuses=statuses, updated_after=lively))
