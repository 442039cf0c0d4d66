"""How far each followed file was read, on this machine's disk: ``AETHERGRID_HOME/watch.db``.

A position spares work and decides nothing: a file whose position is lost or older than the truth is read again, and the
conversation store keeps every message once. So it may be written after the messages, and a crash in between costs time.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from aethergrid_pipelines.capture.file_identity import Identity

_TABLE = """
CREATE TABLE IF NOT EXISTS positions (
    space TEXT NOT NULL, path TEXT NOT NULL, device TEXT NOT NULL, inode TEXT NOT NULL, size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL, head_bytes INTEGER NOT NULL, head TEXT NOT NULL, source TEXT,
    PRIMARY KEY (space, path)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS positions_by_file ON positions (space, device, inode);
"""
_COLUMNS = "device, inode, size, modified_ns, head_bytes, head, source"


@dataclass(frozen=True, slots=True)
class Position:
    """A file was read when it was ``identity``, as ``source``; ``None`` where no source recognised it."""

    identity: Identity
    source: str | None


class Positions:
    """For one space. Used by one thread; several processes may have it open."""

    def __init__(self, path: Path, *, space: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._space = space
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_TABLE)

    def of(self, path: Path) -> Position | None:
        """How far the file at ``path`` was read."""
        query = f"SELECT {_COLUMNS} FROM positions WHERE space = ? AND path = ?"  # noqa: S608
        row = self._connection.execute(query, (self._space, str(path))).fetchone()
        return _position(row) if row else None

    def elsewhere(self, identity: Identity) -> tuple[Path, Position] | None:
        """Where this file was when it was read under another name, and how far."""
        query = f"SELECT path, {_COLUMNS} FROM positions WHERE space = ? AND device = ? AND inode = ?"  # noqa: S608
        values = (self._space, str(identity.device), str(identity.inode))
        row = self._connection.execute(query, values).fetchone() if identity.inode else None
        return (Path(row[0]), _position(row[1:])) if row else None

    def paths(self) -> list[Path]:
        """Every file that was read and is not known to be gone."""
        query = "SELECT path FROM positions WHERE space = ? ORDER BY path"
        return [Path(row[0]) for row in self._connection.execute(query, (self._space,))]

    def keep(self, path: Path, position: Position) -> None:
        """Remember it, in place of an earlier one."""
        found = position.identity
        # Device and inode may have 64 bits and no sign, which SQLite's integers have.
        row = (self._space, str(path), str(found.device), str(found.inode), found.size, found.modified_ns)
        self._connection.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, found.head_bytes, found.head, position.source),
        )

    def drop(self, path: Path) -> None:
        """Forget a file that is gone."""
        self._connection.execute("DELETE FROM positions WHERE space = ? AND path = ?", (self._space, str(path)))

    def close(self) -> None:
        """Release the file; idempotent."""
        self._connection.close()


def _position(row: tuple[str, str, int, int, int, str, str | None]) -> Position:
    return Position(Identity(int(row[0]), int(row[1]), *row[2:6]), row[6])
