"""Tells Dagster what the live worker did, so that the UI stays true: one runless event for each asset and day, in
batches, because an event costs Dagster more than most changes cost the flow."""

import datetime as dt
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aethergrid_pipelines.live.worker import Processed

if TYPE_CHECKING:
    import dagster as dg

EVERY_SECONDS = 10.0


class DagsterReport:
    """Collects micro-batches and reports them at most every ``EVERY_SECONDS``; without an instance to nobody."""

    def __init__(self, instance: "dg.DagsterInstance | None") -> None:
        self._instance = instance
        self._days: set[dt.date] = set()
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._due = time.monotonic()

    def add(self, done: Processed) -> None:
        """Take a micro-batch into account."""
        self._days |= done.days
        for report in done.reports:
            own = {"processed": report.processed, "rows_written": report.rows}
            self._counts[report.step].update(report.counts + Counter(own))

    def flush(self, *, now: bool = False) -> None:
        """Report what was collected, if it is time for it."""
        if self._instance is None or not self._days or (not now and time.monotonic() < self._due):
            return
        import dagster as dg

        for step, counts in self._counts.items():
            metadata: dict[str, Any] = {**counts, "by": "live worker"}
            for day in sorted(self._days):
                self._instance.report_runless_asset_event(
                    dg.AssetMaterialization(asset_key=step, partition=day.isoformat(), metadata=metadata)
                )
        self._days, self._counts = set(), defaultdict(Counter)
        self._due = time.monotonic() + EVERY_SECONDS


@contextmanager
def open_report(*, enabled: bool) -> Iterator[DagsterReport]:
    """A report to the instance at ``DAGSTER_HOME``; what was collected is reported at the end."""
    if not enabled:
        yield DagsterReport(None)
        return
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        report = DagsterReport(instance)
        yield report
        report.flush(now=True)
