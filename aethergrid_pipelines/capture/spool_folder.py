"""The folder of the spool: who writes there, which segments there are, and what waits in them.

``GGGGGGGG-NNNNNN.spool`` is segment N of writer G; ``GGGGGGGG.lock`` is locked for as long as that writer's process
lives. Names sort in the order in which things were spooled. A segment begins with a header of fixed length that says
up to which byte its records are in the conversation store.
"""

import datetime as dt
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from aethergrid_pipelines.capture.spool_lines import spooled_at

HEADER = b"aethergrid-spool 1 stored=%020d\n"
HEADER_BYTES = len(HEADER % 0)
_STORED = slice(HEADER_BYTES - 21, HEADER_BYTES - 1)

_DIGITS = "[0-9]"

REFUSED = "refused.jsonl"
"""What the conversation store will never take, with the reason; one JSON object a line."""
DROPPED = "dropped.jsonl"
"""How much was given up for want of room (``SPOOL_WHEN_FULL=drop-oldest``): ``at``, ``records``, ``bytes``."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for the conversation store: records, bytes, when the oldest was spooled. ``refused`` and ``dropped``
    count records that will never get there."""

    records: int = 0
    bytes: int = 0
    oldest_at: dt.datetime | None = None
    refused: int = 0
    dropped: int = 0


class SpoolFolder:
    """Safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Make the folder; only its owner may look into it. Raises ``OSError``."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def draining(self) -> FileLock:
        """Whoever holds this lock may move what dead processes left into the store: one at a time."""
        return FileLock(self.path / "drain.lock", thread_local=False, poll_interval=0.005)

    def storing(self) -> FileLock:
        """Whoever holds this lock may read a batch and store it, or erase what is spooled: a conversation that is
        forgotten is then either in the store already, or never gets there."""
        return FileLock(self.path / "storing.lock", thread_local=False, poll_interval=0.005)

    def join(self) -> tuple[int, FileLock]:
        """Become a writer: a number greater than those of all who wrote before, and the lock that says who lives."""
        with FileLock(self.path / "join.lock", poll_interval=0.005):
            taken = [int(found.name[:8]) for found in self.path.glob(_DIGITS * 8 + "[-.]*")]
            writer = max(taken, default=0) + 1
            living = self._lock(writer)
            living.acquire()
            return writer, living

    def orphans(self) -> Iterator[list[Path]]:
        """The segments of each writer whose process is gone, oldest first, with its lock held meanwhile."""
        for writer in sorted({writer_of(path) for path in self.segments()}):
            lock = self._lock(writer)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield self.segments(writer)
                if not self.segments(writer):
                    self.leave(writer)
            finally:
                lock.release()

    def leave(self, writer: int) -> None:
        """Remove the lock file of a writer that has no segments left; the caller holds the lock."""
        (self.path / f"{writer:08d}.lock").unlink(missing_ok=True)

    def segments(self, writer: int | None = None) -> list[Path]:
        """The segments (of one writer, or of all), oldest first."""
        return sorted(self.path.glob((_DIGITS * 8 if writer is None else f"{writer:08d}") + f"-{_DIGITS * 6}.spool"))

    def abandoned(self, writer: int) -> bool:
        """Whether the process of this writer is gone."""
        try:
            with self._lock(writer).acquire(timeout=0):
                return True
        except Timeout:
            return False

    def pending_bytes(self) -> int:
        """Bytes that are not in the store yet."""
        return sum(size - stored for size, stored in filter(None, map(extent, self.segments())))

    def backlog(self) -> Backlog:
        """Reads what waits (about a gigabyte a second). Works while others write and drain."""
        counted = [found for found in map(waiting, self.segments()) if found.records]
        oldest = [found.oldest_at for found in counted if found.oldest_at]
        return Backlog(
            records=sum(found.records for found in counted),
            bytes=sum(found.bytes for found in counted),
            oldest_at=min(oldest, default=None),
            refused=sum(1 for _ in _lines(self.path / REFUSED)),
            dropped=sum(json.loads(line)["records"] for line in _lines(self.path / DROPPED)),
        )

    def note(self, name: str, entry: dict[str, object]) -> None:
        """Add a line to :data:`REFUSED` or :data:`DROPPED`, durably."""
        with (self.path / name).open("ab") as file:
            file.write(json.dumps({"at": dt.datetime.now(dt.UTC).isoformat(), **entry}, default=str).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _lock(self, writer: int) -> FileLock:
        return FileLock(self.path / f"{writer:08d}.lock", thread_local=False, poll_interval=0.005)


def writer_of(segment: Path) -> int:
    """The number of the writer of a segment."""
    return int(segment.name[:8])


def extent(segment: Path) -> tuple[int, int] | None:
    """The size of a segment and the byte up to which it is stored; ``None`` where it is gone by now."""
    try:
        with segment.open("rb") as file:
            said = file.read(HEADER_BYTES)[_STORED]
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return None
    # A header that was torn by a crash: everything is stored once more, which changes nothing.
    stored = int(said) if said.isdigit() else 0
    return size, min(max(stored, HEADER_BYTES), size)


def mark_stored(segment: Path, offset: int) -> None:
    """Note that everything before ``offset`` is in the store. Not synced: what is stored twice does no harm."""
    try:
        with segment.open("r+b") as file:
            file.write(HEADER % offset)
    except FileNotFoundError:
        return


def waiting(segment: Path) -> Backlog:
    """What waits in one segment."""
    found = extent(segment)
    if found is None:
        return Backlog()
    try:
        with segment.open("rb") as file:
            file.seek(found[1])
            first = file.readline()
            records = first.count(b"\n") + sum(
                block.count(b"\n") for block in iter(lambda: file.read(1024 * 1024), b"")
            )
    except FileNotFoundError:
        return Backlog()
    return Backlog(records, found[0] - found[1], spooled_at(first))


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except FileNotFoundError:
        return
