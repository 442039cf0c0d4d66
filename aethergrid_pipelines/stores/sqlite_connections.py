"""Connections to one SQLite file: for several threads, several processes and a crash at any moment."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.schema import sql_folder

BUSY_SECONDS = 30.0


class SqliteConnections:
    """A pool that opens on demand; every ``sqlite3.OperationalError`` becomes ``StoreUnavailable``.

    ``migrations`` names the folder under ``sql/`` whose numbered files make the schema; ``PRAGMA user_version`` says
    which of them a file has seen.
    """

    def __init__(self, path: Path, migrations: str) -> None:
        self._path = path
        self._migrations = migrations
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection in autocommit mode. Close every cursor inside, so that no reader holds up a checkpoint."""
        connection: sqlite3.Connection | None = None
        try:
            connection = self._take()
            yield connection
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"SQLite at {self._path}: {error}") from error
        finally:
            if connection is not None:
                self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that has the write lock from the start; rolled back on any exception."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close idle connections; one that is in use stays open until the next call."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        # Two processes that open a new file at once exclude each other while it becomes a WAL file, and SQLite does
        # not wait for its busy timeout there.
        for attempt in Retrying(
            retry=retry_if_exception(_is_busy),
            stop=stop_after_delay(BUSY_SECONDS),
            wait=wait_random(0.01, 0.1),
            reraise=True,
        ):
            with attempt:
                connection = self._open()
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            # A page holds several messages; one of 4 KiB wastes a quarter of itself on messages of a kilobyte.
            connection.execute("PRAGMA page_size = 16384")
            # Incremental vacuum moves pages about, and leaves behind what they held.
            connection.execute("PRAGMA auto_vacuum = NONE")
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode = WAL")
            # In WAL mode NORMAL loses the last commits with the power; FULL costs one fsync a batch.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            # What is sorted must not reach a temporary file, where forgetting could not find it.
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA cache_size = -32768")
            self._migrate(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        scripts = {int(path.name[:4]): path for path in sorted(sql_folder(self._migrations).glob("[0-9]*.sql"))}
        if _user_version(connection) == max(scripts):
            return
        connection.execute("BEGIN IMMEDIATE")
        version = _user_version(connection)
        if version > max(scripts):
            connection.execute("ROLLBACK")
            raise sqlite3.DatabaseError(f"{self._path} was written by a newer version (schema {version})")
        for number, path in scripts.items():
            if number > version:
                for statement in _statements(path.read_text(encoding="utf-8")):
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {max(scripts)}")
        connection.execute("COMMIT")


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _user_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _statements(script: str) -> Iterator[str]:
    # executescript would commit the open transaction, and with it half a schema.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
