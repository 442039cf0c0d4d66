"""Which conversation a request continues: hashes of histories, kept in a small SQLite table."""

import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path

MAX_PREFIXES = 200_000
"""Some 30 MB. The ones that were not used for longest go first; whoever continues one of them begins anew."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS prefixes"
    " (hash TEXT PRIMARY KEY, conversation TEXT NOT NULL, turns INTEGER NOT NULL, used REAL NOT NULL) WITHOUT ROWID"
)


class Prefixes:
    """Thread-safe; several processes may share the file. Nothing that was said is in it."""

    def __init__(self, path: Path, *, limit: int = MAX_PREFIXES) -> None:
        """Opens the file. Raises ``sqlite3.Error``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._limit = limit
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A prefix that a power failure takes costs a conversation that begins anew, not a message.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(_SCHEMA)
        self._connection.execute("CREATE INDEX IF NOT EXISTS prefixes_used ON prefixes (used)")

    def longest(self, hashes: Sequence[str]) -> tuple[str, int, int] | None:
        """Of hashes from the shortest history to the longest: the conversation of the longest that is known, which one
        that is (from 0), and how many turns it has."""
        with self._lock:
            for index in range(len(hashes) - 1, -1, -1):
                query = "SELECT conversation, turns FROM prefixes WHERE hash = ?"
                if row := self._connection.execute(query, (hashes[index],)).fetchone():
                    return row[0], index, row[1]
        return None

    def keep(self, conversation: str, turns: dict[str, int]) -> None:
        """Remember histories (hash: number of turns) of a conversation."""
        now = time.time()
        rows = [(key, conversation, count, now) for key, count in turns.items()]
        with self._lock:
            self._connection.executemany("INSERT OR REPLACE INTO prefixes VALUES (?, ?, ?, ?)", rows)
            excess = self._connection.execute("SELECT count(*) FROM prefixes").fetchone()[0] - self._limit
            if excess > 0:
                self._connection.execute(
                    "DELETE FROM prefixes WHERE hash IN (SELECT hash FROM prefixes ORDER BY used LIMIT ?)",
                    # Some more, so that this is not done for each request.
                    (excess + self._limit // 20,),
                )

    def close(self) -> None:
        """Idempotent."""
        self._connection.close()
