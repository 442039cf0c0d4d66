"""The reading end of the spool: one thread that moves what is durable into the conversation store, in order."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Lock, Thread

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

from aethergrid_pipelines.capture.spool_batch import SpoolBatch
from aethergrid_pipelines.capture.spool_folder import SpoolFolder, extent, mark_stored
from aethergrid_pipelines.capture.spool_writer import Segment, SpoolWriter, Ticket
from aethergrid_pipelines.stores.conversations import Appended, ConversationStore
from aethergrid_pipelines.stores.errors import StoreUnavailable

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""A segment of which everything is stored goes after so long without anything new; so often orphans are looked for."""
LONGEST_WAIT = 5.0
"""Seconds between two attempts while the store is down, at most."""


class SpoolDrainer:
    """Moves records to the store and tells tickets what became of theirs.

    While the store is down, and until what waited is stored, nobody is kept waiting: tickets are settled at once,
    without outcomes.
    """

    def __init__(self, folder: SpoolFolder, store: Callable[[], ConversationStore]) -> None:
        self._folder = folder
        self._storing = folder.storing()
        self._store = store
        self._behind = False
        self._tickets: deque[Ticket] = deque()
        self._tickets_lock = Lock()
        self._work, self._closing = Event(), Event()
        self._looked_at = -IDLE_SECONDS
        self._thread: Thread | None = None

    def start(self, writer: SpoolWriter) -> None:
        """Begin, with what earlier processes left."""
        self._work.set()
        self._thread = Thread(target=self._run, args=(writer,), name="spool-drainer", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something is durable."""
        self._work.set()

    def expect(self, tickets: Sequence[Ticket]) -> None:
        """Tell these tickets what becomes of their records; called before the drainer can see them."""
        with self._tickets_lock:
            if not self._behind:
                self._tickets.extend(tickets)
                return
        for ticket in tickets:
            ticket.settle()

    def give_up(self, ticket: Ticket) -> None:
        """Nobody waits for this ticket any more."""
        with self._tickets_lock:
            if ticket in self._tickets:
                self._tickets.remove(ticket)

    def close(self, timeout: float) -> bool:
        """One more attempt, of at most so many seconds; whether the thread has ended."""
        self._closing.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _run(self, writer: SpoolWriter) -> None:
        # Whatever goes wrong, what was captured waits for better times rather than for a thread that is gone.
        retrying = Retrying(
            retry=retry_if_exception_type(Exception),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT),
            stop=stop_when_event_set(self._closing),
            sleep=sleep_using_event(self._closing),
            before_sleep=self._fall_behind,
            retry_error_callback=self._fall_behind,
        )
        while not self._closing.is_set():
            self._work.wait(IDLE_SECONDS)
            self._work.clear()
            retrying(self._round, writer)
        if not self._behind:
            retrying(self._round, writer)
        self._settle_all()

    def _fall_behind(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if not self._behind:
            foreseen = isinstance(error, StoreUnavailable | OSError)
            logger.warning("what is captured waits in the spool: %s", error, exc_info=None if foreseen else error)
        self._settle_all()

    def _settle_all(self) -> None:
        with self._tickets_lock:
            self._behind = True
            tickets, self._tickets = self._tickets, deque()
        for ticket in tickets:
            ticket.settle()

    def _round(self, writer: SpoolWriter) -> None:
        """Move everything that is durable now. Raises what the store raises; what was stored before that counts."""
        now = time.monotonic()
        if now - self._looked_at >= IDLE_SECONDS:
            self._drain_orphans()
            self._looked_at = now
        for segment in list(writer.segments):
            self._drain(segment)
            if segment.sealed or now - segment.written > IDLE_SECONDS:
                writer.discard(segment)
        if self._behind:
            logger.info("everything in the spool is stored")
        with self._tickets_lock:
            self._behind = False

    def _drain_orphans(self) -> None:
        # Whoever starts after a crash stores first what the crash left, or waits until another process has done so:
        # the order is that of capturing. Segments of a living process are its own business.
        with self._folder.draining():
            for segments in self._folder.orphans():
                for path in segments:
                    self._drain_orphan(path)

    def _drain_orphan(self, path: Path) -> None:
        found = extent(path)
        while found and found[1] < found[0]:
            _, offset = self._store_part(path, found[1], found[0])
            mark_stored(path, offset)
            found = (found[0], offset)
        path.unlink(missing_ok=True)

    def _drain(self, segment: Segment) -> None:
        end = segment.durable
        while segment.stored < end:
            outcomes, offset = self._store_part(segment.path, segment.stored, end)
            self._tell(segment.next, outcomes)
            segment.next += len(outcomes)
            segment.stored = offset
            segment.mark()

    def _store_part(self, path: Path, start: int, end: int) -> tuple[list[Appended | None], int]:
        """Store a batch; returns an outcome per line, and the offset behind the last of them."""
        store = self._store()
        with self._storing:
            try:
                batch = SpoolBatch.read(path, start, end)
            except FileNotFoundError:
                # It was the oldest, and the budget is used up (SPOOL_WHEN_FULL=drop-oldest).
                return [], end
            return batch.append_to(store, self._folder), batch.end

    def _tell(self, first: int, outcomes: list[Appended | None]) -> None:
        with self._tickets_lock:
            for number, outcome in enumerate(outcomes, start=first):
                while self._tickets and self._tickets[0].end <= number:
                    self._tickets.popleft()
                if self._tickets and self._tickets[0].first <= number:
                    ticket = self._tickets[0]
                    ticket.outcomes.append(outcome)
                    if number == ticket.end - 1:
                        ticket.settle()
