"""What a followed file was when it was last read, and what has become of it since."""

import hashlib
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

HEAD_BYTES = 1024
SETTLED_NS = 100_000_000
"""Clocks of file systems tick every few milliseconds: what was written within the same tick looks unchanged. A file
younger than this is looked at once more."""

# SQLite writes to this file first; the database itself changes when it is checkpointed.
_LOG = "-wal"


class Change(StrEnum):
    """What happened to a file since it was read."""

    NEW = "new"
    UNCHANGED = "unchanged"
    GROWN = "grown"
    TRUNCATED = "truncated"
    REPLACED = "replaced"
    RENAMED = "renamed"


@dataclass(frozen=True, slots=True)
class Identity:
    """A file at one moment: device and inode (0 where the file system has none), size in bytes, modification time in
    nanoseconds, and the SHA-256 of its first ``head_bytes`` (at most 1,024)."""

    device: int
    inode: int
    size: int
    modified_ns: int
    head_bytes: int
    head: str

    def same_file(self, other: "Identity") -> bool:
        """Whether both are the same file on the disk, whatever is in it."""
        return self.inode != 0 and (self.device, self.inode) == (other.device, other.inode)

    def same_moment(self, other: "Identity") -> bool:
        """Whether nothing was written in between."""
        return (self.size, self.modified_ns) == (other.size, other.modified_ns)

    @property
    def settled(self) -> bool:
        """Whether what is written from now on will show."""
        return time.time_ns() - self.modified_ns > SETTLED_NS


def identify(path: Path) -> Identity:
    """The file as it is now; the log of an SQLite database counts as part of it. Raises ``OSError``."""
    status = path.stat()
    size, modified = status.st_size, status.st_mtime_ns
    head_bytes = min(HEAD_BYTES, size)
    try:
        log = path.with_name(path.name + _LOG).stat()
    except FileNotFoundError:
        pass
    else:
        size, modified = size + log.st_size, max(modified, log.st_mtime_ns)
    return Identity(status.st_dev, status.st_ino, size, modified, head_bytes, head_of(path, head_bytes))


def head_of(path: Path, size: int) -> str:
    """The SHA-256 of the first ``size`` bytes, in hexadecimal digits. Raises ``OSError``."""
    with path.open("rb") as file:
        return hashlib.sha256(file.read(size)).hexdigest()


def change_of(path: Path, before: Identity | None, now: Identity) -> Change:
    """What became of the file at ``path`` since it was read. Raises ``OSError``."""
    if before is None:
        return Change.NEW
    if before.same_moment(now) and before.head == now.head and (before.same_file(now) or before.inode == 0):
        return Change.UNCHANGED
    if not before.same_file(now) and before.inode != 0:
        return Change.REPLACED
    if now.size < before.size:
        return Change.TRUNCATED
    if head_of(path, before.head_bytes) != before.head or now.size == before.size:
        return Change.REPLACED
    return Change.GROWN


def database_of(path: Path) -> Path:
    """The database that a write-ahead log belongs to; any other path is returned as it is."""
    return path.with_name(path.name.removesuffix(_LOG)) if path.name.endswith(_LOG) else path
