"""The writing end of the spool: one thread, one fsync for everything that waits."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from typing import Literal

from aethergrid_pipelines.capture.spool_folder import DROPPED, HEADER, HEADER_BYTES, SpoolFolder, waiting, writer_of
from aethergrid_pipelines.stores.conversations import Appended
from aethergrid_pipelines.stores.errors import StoreUnavailable

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_SECONDS = 60.0
"""A segment takes nothing new after so long, so that what was stored does not lie in two places for longer."""
RECOUNT_SECONDS = 1.0


class SpoolUnavailable(StoreUnavailable):
    """Nothing can be spooled now: the budget is used up, or the disk does not take it. Nothing was acknowledged."""


@dataclass(slots=True, eq=False)
class Ticket:
    """Records that are durable, and what became of each in the store as far as that is known. ``told`` is called, in
    another thread, when that is settled or nothing could be spooled."""

    lines: Sequence[bytes]
    told: Callable[[], None] | None = None
    first: int = 0
    error: OSError | SpoolUnavailable | None = None
    outcomes: list[Appended | None] = field(default_factory=list)
    durable: Event = field(default_factory=Event)
    settled: Event = field(default_factory=Event)

    @property
    def end(self) -> int:
        return self.first + len(self.lines)

    def settle(self) -> None:
        """What can be known is known."""
        self.settled.set()
        if self.told is not None:
            self.told()

    def written(self) -> None:
        """It is durable, or there is an ``error``."""
        self.durable.set()
        if self.error is not None and self.told is not None:
            self.told()

    def check(self, path: Path) -> None:
        """Raise :class:`SpoolUnavailable` where nothing could be spooled at ``path``."""
        if isinstance(self.error, OSError):
            reason = self.error.strerror or str(self.error)
            raise SpoolUnavailable(f"the spool at {path} cannot be written: {reason}") from self.error
        if self.error is not None:
            raise self.error


@dataclass(slots=True)
class Segment:
    """A segment of this process. ``durable`` and ``stored`` are offsets in bytes; ``next`` is the number of the first
    record that is not stored, where records are numbered through all segments. ``began`` and ``written`` (the last
    time) are monotonic seconds."""

    path: Path
    descriptor: int
    began: float
    written: float
    durable: int = HEADER_BYTES
    stored: int = HEADER_BYTES
    next: int = 0
    sealed: bool = False

    def mark(self) -> None:
        """Note in the file up to where it is stored. Not synced: what is stored twice does no harm."""
        os.pwrite(self.descriptor, HEADER % self.stored, 0)


class SpoolWriter:
    """Appends to the segments of one process. ``on_durable`` is called, in the writing thread, after each fsync, and
    ``before_durable`` with the tickets of it just before."""

    def __init__(
        self,
        folder: SpoolFolder,
        number: int,
        *,
        budget: int,
        when_full: Literal["reject", "drop-oldest"],
        before_durable: Callable[[Sequence[Ticket]], None],
        on_durable: Callable[[], None],
    ) -> None:
        self.segments: list[Segment] = []
        self._folder = folder
        self._number = number
        self._budget = budget
        self._drops = when_full == "drop-oldest"
        self._before_durable, self._on_durable = before_durable, on_durable
        self._segment_bytes = min(SEGMENT_BYTES, budget // 8)
        self._ready = Condition()
        self._disk = Lock()
        self._queue: list[Ticket] = []
        self._closing = False
        self._records = self._created = 0
        self._pending, self._counted_at = 0, -RECOUNT_SECONDS
        self._thread = Thread(target=self._run, name="spool-writer", daemon=True)
        self._thread.start()

    def append(self, ticket: Ticket) -> None:
        """Return when the ticket's lines are on the disk. Raises :class:`SpoolUnavailable`."""
        self.enqueue(ticket)
        ticket.durable.wait()
        ticket.check(self._folder.path)

    def enqueue(self, ticket: Ticket) -> None:
        """Return at once; the ticket tells the rest. Raises :class:`SpoolUnavailable`."""
        with self._ready:
            if self._closing:
                raise SpoolUnavailable("the spool is closed")
            self._queue.append(ticket)
            self._ready.notify()

    def discard(self, segment: Segment) -> None:
        """Delete a segment, unless something in it is not stored."""
        with self._disk:
            if segment.stored >= segment.durable:
                segment.path.unlink(missing_ok=True)
                self.segments.remove(segment)
                os.close(segment.descriptor)

    def release(self) -> None:
        """Close what is left in the folder for the next process; nobody drains any more."""
        for segment in self.segments:
            os.close(segment.descriptor)
        self.segments.clear()

    def close(self) -> None:
        """Write what waits, and stop."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        self._thread.join()

    def _run(self) -> None:
        tickets: list[Ticket] = []
        try:
            while tickets := self._waiting():
                with self._disk:
                    self._write(tickets)
                for ticket in tickets:
                    ticket.written()
                self._on_durable()
        finally:
            self._end(tickets)

    def _waiting(self) -> list[Ticket]:
        with self._ready:
            self._ready.wait_for(lambda: self._queue or self._closing)
            tickets, self._queue = self._queue, []
        return tickets

    def _end(self, tickets: list[Ticket]) -> None:
        # Nobody may wait forever for a thread that ended over a mistake.
        with self._ready:
            self._closing = True
            tickets, self._queue = tickets + self._queue, []
        for ticket in tickets:
            if not ticket.durable.is_set():
                ticket.error = ticket.error or SpoolUnavailable("the spool is closed")
                ticket.written()
        with self._disk:
            for segment in self.segments:
                segment.sealed = True

    def _write(self, tickets: list[Ticket]) -> None:
        written: list[Ticket] = []
        try:
            for ticket in tickets:
                if self._has_room(sum(map(len, ticket.lines))):
                    written.append(ticket)
                else:
                    ticket.error = SpoolUnavailable(
                        f"the spool at {self._folder.path} is full (SPOOL_MAX_MB={self._budget // 1024**2}) and the "
                        "conversation store takes nothing"
                    )
            if written:
                self._commit(written)
        except OSError as error:
            for ticket in tickets:
                ticket.error = ticket.error or error
            logger.warning("nothing can be spooled: %s", error)

    def _commit(self, tickets: list[Ticket]) -> None:
        segment = self._active()
        data = b"".join(line for ticket in tickets for line in ticket.lines)
        try:
            _write_all(segment.descriptor, data, segment.durable)
            os.fdatasync(segment.descriptor)
        except OSError:
            # What the kernel still holds of it is unknown now: this segment ends where it was durable.
            self._abandon(segment)
            raise
        for ticket in tickets:
            ticket.first = self._records
            self._records = ticket.end
        self._before_durable(tickets)
        segment.durable += len(data)
        segment.written = time.monotonic()

    def _active(self) -> Segment:
        last = self.segments[-1] if self.segments else None
        if last is not None and not last.sealed:
            if last.durable < self._segment_bytes and time.monotonic() - last.began < SEGMENT_SECONDS:
                return last
            last.sealed = True
        path = self._folder.path / f"{self._number:08d}-{self._created:06d}.spool"
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        self._created += 1
        now = time.monotonic()
        segment = Segment(path, descriptor, now, now, next=self._records)
        try:
            _write_all(descriptor, HEADER % 0, 0)
            _sync_folder(self._folder.path)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        self.segments.append(segment)
        return segment

    def _abandon(self, segment: Segment) -> None:
        try:
            os.ftruncate(segment.descriptor, segment.durable)
        except OSError as error:
            logger.warning("%s keeps an unfinished record: %s", segment.path, error)
        segment.sealed = True

    def _has_room(self, size: int) -> bool:
        now = time.monotonic()
        if self._pending + size > self._budget or now - self._counted_at > RECOUNT_SECONDS:
            self._pending, self._counted_at = self._folder.pending_bytes(), now
        drops = self._drops and size <= self._budget
        while drops and self._pending + size > self._budget and self._drop_oldest():
            self._pending = self._folder.pending_bytes()
        if self._pending + size > self._budget:
            return False
        self._pending += size
        return True

    def _drop_oldest(self) -> bool:
        """Give up the oldest segment that nobody writes to; whether there was one."""
        last = self.segments[-1] if self.segments else None
        if last is not None and last.durable > last.stored:
            last.sealed = True
        every = self._folder.segments()
        newest = {writer_of(path): path for path in every}
        path = next((path for path in every if path != newest[writer_of(path)] or self._is_left(path)), None)
        if path is None:
            return False
        lost = waiting(path)
        if lost.records:
            self._folder.note(DROPPED, {"records": lost.records, "bytes": lost.bytes, "oldest_at": lost.oldest_at})
            logger.warning("the spool is full: the oldest %d records (%d bytes) are dropped", lost.records, lost.bytes)
        path.unlink(missing_ok=True)
        return True

    def _is_left(self, newest: Path) -> bool:
        """Whether nobody writes to the newest segment of a writer any more."""
        if writer_of(newest) == self._number:
            return all(segment.sealed or segment.path != newest for segment in self.segments)
        return self._folder.abandoned(writer_of(newest))


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _sync_folder(path: Path) -> None:
    # Without this, the entry of a new file may be gone after a power failure, and all of the file with it.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
