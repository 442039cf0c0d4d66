"""Tells Dagster what the live worker did, so that the UI stays true: one runless event for each asset and day, in
batches, because an event costs Dagster more than most changes cost the flow."""

import datetime as dt
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aethergrid_pipelines.live.worker import Processed

if TYPE_CHECKING:
    import dagster as dg

logger = logging.getLogger(__name__)

EVERY_SECONDS = 10.0


class DagsterReport:
    """Collects micro-batches and reports them at most every ``EVERY_SECONDS``; without an instance to nobody.

    ``add`` and ``flush`` are called by one thread. Another one writes the events, so that nobody's message waits for
    them; while it does, what is new is collected.
    """

    def __init__(self, instance: "dg.DagsterInstance | None") -> None:
        self._instance = instance
        self._days: set[dt.date] = set()
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._due = time.monotonic()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="live-report")
        self._writing: Future[None] | None = None

    def add(self, done: Processed) -> None:
        """Take a micro-batch into account."""
        self._days |= done.days
        for report in done.reports:
            own = {"processed": report.processed, "rows_written": report.rows}
            self._counts[report.step].update(report.counts + Counter(own))

    def flush(self, *, now: bool = False) -> None:
        """Report what was collected, if it is time for it; ``now``: in any case, and wait until it is done."""
        if self._instance is not None and self._days and (now or self._is_time()):
            days, counts = self._days, self._counts
            self._days, self._counts = set(), defaultdict(Counter)
            self._due = time.monotonic() + EVERY_SECONDS
            self._writing = self._writer.submit(_write, self._instance, days, counts)
        if now and self._writing is not None:
            self._writing.result()

    def close(self) -> None:
        """Report the rest; idempotent."""
        self.flush(now=True)
        self._writer.shutdown()

    def _is_time(self) -> bool:
        return time.monotonic() >= self._due and (self._writing is None or self._writing.done())


def _write(instance: "dg.DagsterInstance", days: set[dt.date], counts: Mapping[str, Counter[str]]) -> None:
    import dagster as dg
    from sqlalchemy.exc import SQLAlchemyError

    try:
        for step, figures in counts.items():
            metadata: dict[str, Any] = {**figures, "by": "live worker"}
            for day in sorted(days):
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(asset_key=step, partition=day.isoformat(), metadata=metadata)
                )
    except SQLAlchemyError as error:
        # The memory is right all the same; Dagster's page shows these days as it last knew them.
        logger.warning("Dagster's storage does not take what the live worker did on %d days: %s", len(days), error)


@contextmanager
def open_report(*, enabled: bool) -> Iterator[DagsterReport]:
    """A report to the instance at ``DAGSTER_HOME``; what was collected is reported at the end."""
    if not enabled:
        yield DagsterReport(None)
        return
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        report = DagsterReport(instance)
        try:
            yield report
        finally:
            report.close()
