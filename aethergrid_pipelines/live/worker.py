"""The live worker: change feed → searchable, at once, with the flow's own steps.

It processes the conversations that a page of the feed names and then remembers the feed's cursor, so that whatever ends
it, the next one starts with what was not finished. While one page is processed the next one grows: batches follow the
backlog. Everything that it does, a Dagster run may do at the same time.
"""

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.labels import open_enricher
from aethergrid_pipelines.flow.scope import Scope, StepReport
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.stores import feed_cursor, lease
from aethergrid_pipelines.stores.conversations import ChangePage, HistoryLost
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.vectors import CollectionMissing

PAGE = 200
"""Conversations that one micro-batch takes at most: it bounds memory, and how long a stop has to wait."""

WAIT_SECONDS = 1.0
RENEW_SECONDS = 5.0
PAUSES = (0.5, 1, 2, 5, 10, 30)
"""Seconds between attempts while a store or the embedder does not answer."""


@dataclass(slots=True)
class Processed:
    """What one micro-batch did; ``days`` are the partitions that it touched."""

    days: set[dt.date]
    conversations: int
    reports: list[StepReport] = field(default_factory=list)


class LiveWorker:
    """One worker of a process. ``on_batch`` is told of each micro-batch, ``on_trouble`` of each error that
    passes; ``on_idle`` is called about once a second between batches."""

    def __init__(
        self,
        stores: Stores,
        *,
        on_batch: Callable[[Processed], object] = lambda _: None,
        on_idle: Callable[[], object] = lambda: None,
        on_trouble: Callable[[Exception], object] = lambda _: None,
    ) -> None:
        self._stores = stores
        self._holder = lease.new_holder()
        self._run_id = f"live-{self._holder.rsplit(':', 1)[-1]}"
        self._on_batch = on_batch
        self._on_idle = on_idle
        self._on_trouble = on_trouble
        self._warm = False
        self.totals: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Follow the feed until ``stop`` is set; what is under way is finished first."""
        renewing = threading.Thread(target=self._renew, args=(stop,), name="live-lease", daemon=True)
        renewing.start()
        failures = 0
        try:
            while not stop.is_set():
                try:
                    self._warm_up()
                    worked = self.step()
                except (StoreUnavailable, EmbedderUnavailable, CollectionMissing) as error:
                    self._on_trouble(error)
                    stop.wait(PAUSES[min(failures, len(PAUSES) - 1)])
                    failures += 1
                    continue
                failures = 0
                self._on_idle()
                if not worked:
                    stop.wait(WAIT_SECONDS)
        finally:
            stop.set()
            renewing.join(timeout=RENEW_SECONDS)
            self._release()

    def step(self) -> bool:
        """Wait for changes for a moment and process them; False while another worker holds the lease.

        Raises ``StoreUnavailable`` or ``EmbedderUnavailable``; the changes then stay in the feed.
        """
        catalog = self._stores.catalog
        if not lease.take(catalog, lease.LIVE, self._holder):
            return False
        known = feed_cursor.load(catalog, lease.LIVE)
        try:
            page = self._changes(known)
        except HistoryLost as error:
            self._on_trouble(error)
            page = self._changes(None)
            known = None
        if known is None:
            # The cursor came first: what changes during the scan is then seen twice rather than never.
            self._process(Scope())
        elif page.changes:
            self._process(Scope.conversations([change.conversation_id for change in page.changes]))
        if page.cursor != known:
            feed_cursor.save(catalog, lease.LIVE, page.cursor)
        return True

    def _warm_up(self) -> None:
        """Load what a batch needs, so that the first message need not wait for it; at most once."""
        if self._warm:
            return
        self._stores.upkeep.beside()
        self._stores.embedder.embed_query("warm-up")
        open_enricher(self._stores)
        active = self._stores.vectors.active()
        if active is not None:
            self._stores.vectors.count(active[0])
        self._warm = True

    def _changes(self, known: str | None) -> ChangePage:
        return self._stores.conversations.changes(known, limit=PAGE, wait=WAIT_SECONDS)

    def _process(self, scope: Scope) -> None:
        reports = materialise_all(self._stores, scope, run_id=self._run_id)
        done = Processed(
            days=set().union(*(report.days for report in reports)),
            conversations=max(report.processed + report.counts["conversations_erased"] for report in reports),
            reports=reports,
        )
        self.totals["conversations"] += done.conversations
        self.totals["batches"] += 1
        if done.conversations:
            self._on_batch(done)
        if any(report.retryable for report in reports):
            raise EmbedderUnavailable("some texts could not be embedded and are tried again")

    def _renew(self, stop: threading.Event) -> None:
        # A long batch must not let the lease run out.
        while not stop.wait(RENEW_SECONDS):
            try:
                lease.take(self._stores.catalog, lease.LIVE, self._holder)
            except StoreUnavailable as error:
                self._on_trouble(error)

    def _release(self) -> None:
        try:
            lease.release(self._stores.catalog, lease.LIVE, self._holder)
        except StoreUnavailable as error:
            self._on_trouble(error)
