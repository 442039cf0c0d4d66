"""Cursor's database, read without disturbing the editor that may be writing to it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from aethergrid_pipelines.capture.json_records import BrokenExport

TABLE = "cursorDiskKV"
PAGE = 500

# Byte 18 of the header is 2 where the database has a write-ahead log (https://www.sqlite.org/fileformat.html).
_WAL = 2


@contextmanager
def open_rows(path: Path) -> Iterator["CursorRows"]:
    """The rows of a database. Raises :class:`~.json_records.BrokenExport`, also from within, and ``OSError``."""
    try:
        with closing(sqlite3.connect(_uri(path), uri=True, timeout=5)) as connection:
            connection.execute("PRAGMA query_only = 1")
            yield CursorRows(connection)
    except sqlite3.Error as error:
        raise BrokenExport(f"the database cannot be read (on): {error}") from None


class CursorRows:
    """Keys and values. Every statement is read to its end at once, so that no lock outlives it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def has_table(self) -> bool:
        """Whether this is Cursor's and not that of another editor."""
        found = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (TABLE,))
        return found.fetchone() is not None

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with ``prefix``, ascending, a page at a time."""
        # What begins with "a:" is what lies between "a:" and "a;".
        after, end = prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
        while True:
            page = self._connection.execute(
                f"SELECT key FROM {TABLE} WHERE key > ? AND key < ? ORDER BY key LIMIT {PAGE}",  # noqa: S608
                (after, end),
            ).fetchall()
            yield from (key for (key,) in page)
            if len(page) < PAGE:
                return
            after = page[-1][0]

    def value(self, key: str) -> bytes | None:
        """The value of a key as bytes; ``None`` where there is no such row or nothing in it."""
        row = self._connection.execute(f"SELECT value FROM {TABLE} WHERE key = ?", (key,)).fetchone()  # noqa: S608
        value = row[0] if row else None
        return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _uri(path: Path) -> str:
    """How to open it. Without its log at hand nobody writes to such a database: ``immutable`` then keeps SQLite from
    making one beside it. With it, or without logs, only ``mode=ro`` sees what was written last, and is kept in step
    with the writer. (https://www.sqlite.org/uri.html)"""
    with path.open("rb") as file:
        header = file.read(20)
    quiet = len(header) > 18 and header[18] == _WAL and not Path(f"{path}-wal").exists()
    return f"{path.absolute().as_uri()}?{'immutable=1' if quiet else 'mode=ro'}"
