"""The catalog: the SQL database of the flow's tables, on SQLite or PostgreSQL.

It knows how to connect, to begin a transaction that other writers wait for, and to lock a name across processes. What
the tables mean is the business of :mod:`aethergrid_pipelines.flow`.
"""

import contextlib
import math
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError

from aethergrid_pipelines.stores.errors import StoreUnavailable

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 60_000

UNASKED_SECONDS = 1.0
"""A connection to PostgreSQL that was used so lately is taken for one that works."""

_WITHOUT_WAITING = text("SET LOCAL synchronous_commit TO off")


class Catalog:
    """Thread-safe. ``url`` is a SQLAlchemy URL; ``locks`` is a folder for the lock files of the embedded database.

    The schema is brought up to date on first use. Methods raise ``StoreUnavailable`` when the database does not answer.
    """

    def __init__(self, url: str, *, locks: Path) -> None:
        self._url = make_url(url.replace("postgres://", "postgresql://", 1))
        self._locks = locks
        self._engine: Engine | None = None
        self._guard = threading.Lock()

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._url.get_backend_name()

    @property
    def address(self) -> str:
        """Where the database is, without its password."""
        return self._url.render_as_string(hide_password=True)

    @property
    def engine(self) -> Engine:
        """The engine, with the schema up to date."""
        if self._engine is None:
            with self._guard:
                if self._engine is None:
                    engine = self._connect()
                    with self._reachable():
                        self._migrate(engine)
                    self._engine = engine
        return self._engine

    def _connect(self) -> Engine:
        if self.dialect != "sqlite":
            engine = create_engine(self._url, connect_args={"connect_timeout": 5})
            _ask_after_a_rest(engine)
            return engine
        if self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self._url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _migrate(self, engine: Engine) -> None:
        from aethergrid_pipelines.stores.migrations import catalog_head, current_revision, upgrade_catalog

        if current_revision(engine) != catalog_head():
            with self._locked_by_file(["migration"]) if self.dialect == "sqlite" else contextlib.nullcontext():
                upgrade_catalog(engine)

    @contextlib.contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise StoreUnavailable(f"the catalog at {self.address} does not answer: {error.orig}") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise StoreUnavailable(f"the catalog at {self.address} went away: {error.orig}") from error
            raise

    @contextlib.contextmanager
    def reading(self, *, streamed: bool = False) -> Iterator[Connection]:
        """A connection for reads that see one moment on SQLite and committed rows on PostgreSQL; ``streamed``: by a
        cursor on the server, which keeps a transaction open."""
        # Each transaction asks PostgreSQL twice more than the read in it does, and most are of one read.
        options = {} if streamed or self.dialect == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
        with self._reachable(), self.engine.connect().execution_options(**options) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction: committed at the end, rolled back on an error. On SQLite other writers wait for it.

        One that is not ``durable`` need not be on the disk when this returns: a power failure may take it back, with
        all that were committed after it. The next durable one also makes durable what came before it. It is for what
        another run would do again; see docs/decisions/0017.
        """
        options = {"sqlite_begin": "IMMEDIATE", "sqlite_synchronous": "FULL" if durable else "NORMAL"}
        with self._reachable(), self.engine.connect().execution_options(**options) as connection, connection.begin():
            if not durable and self.dialect == "postgresql":
                connection.execute(_WITHOUT_WAITING)
            yield connection

    @contextlib.contextmanager
    def locked(self, names: Sequence[str]) -> Iterator[None]:
        """Hold locks of these names, across threads, processes and (on PostgreSQL) machines.

        They vanish with the process that holds them, also when it is killed. Not reentrant.
        """
        names = sorted(set(names))
        if self.dialect == "sqlite":
            with self._locked_by_file(names):
                yield
            return
        with self._reachable(), self.engine.connect() as connection:
            for name in names:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
            yield
            connection.rollback()

    @contextlib.contextmanager
    def _locked_by_file(self, names: Sequence[str]) -> Iterator[None]:
        from filelock import FileLock

        self._locks.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            for name in names:
                stack.enter_context(FileLock(self._locks / f"{name}.lock", thread_local=False, poll_interval=0.005))
            yield

    def ping(self) -> None:
        """Raise ``StoreUnavailable`` unless the database answers now."""
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))

    def purge(self) -> None:
        """Make sure that nothing that was deleted remains in the files of the embedded database."""
        if self.dialect == "sqlite":
            with self._reachable(), self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Release connections; the catalog may be used again afterwards."""
        if self._engine is not None:
            self._engine.dispose()


def _ask_after_a_rest(engine: Engine) -> None:
    """Let a connection that rested be asked whether it is still there, and replaced where it is not, with all others.

    As SQLAlchemy's ``pool_pre_ping``, which asks each time: a small batch takes a connection thirty times.
    """

    @event.listens_for(engine, "checkin")
    def rest(_connection: Any, record: "ConnectionPoolEntry") -> None:
        record.info["rests since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: "DBAPIConnection", record: "ConnectionPoolEntry", _proxy: Any) -> None:
        if time.monotonic() - record.info.get("rests since", math.inf) > UNASKED_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise InvalidatePoolError from error


def _prepare_sqlite(connection: "DBAPIConnection", _record: Any) -> None:
    # Transactions are begun below, explicitly: the driver's own habit of beginning late loses IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if "sqlite_begin" not in options:
        # A read waits for nobody and cannot fail; the driver itself takes a tenth of the time, and most are as short.
        _driver(connection).execute("BEGIN DEFERRED")
        return
    # SQLite refuses to change it inside a transaction, and the connection may have had another one before.
    _driver(connection).execute(f"PRAGMA synchronous={options.get('sqlite_synchronous', 'FULL')}")
    connection.exec_driver_sql(f"BEGIN {options['sqlite_begin']}")


def _driver(connection: Connection) -> "sqlite3.Connection":
    found: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return found
