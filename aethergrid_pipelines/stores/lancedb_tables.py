"""LanceDB: tables with their indexes, and which of its errors are worth another attempt.

Whoever imports a part of LanceDB imports it whole before: threads of which one imports the package and another a part
of it, both for the first time, otherwise see half of it and fail with an ImportError.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock, Timeout
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from aethergrid_pipelines.stores.allocator import few_arenas
from aethergrid_pipelines.stores.collections_file import CollectionEntry
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.lancedb_rows import BITMAP_COLUMNS, BTREE_COLUMNS, COLUMNS, SEARCHED, schema
from aethergrid_pipelines.stores.vectors import CollectionMissing

if TYPE_CHECKING:
    from lance import LanceDataset, Session  # type: ignore[attr-defined]
    from lancedb.db import DBConnection
    from lancedb.table import Table

Result = TypeVar("Result")

WRITE_SECONDS = 600.0
"""How long a write waits for another process that purges or builds."""

INDEX_CACHE, METADATA_CACHE = 64_000_000, 16_000_000
"""Bytes of a process. By default Lance keeps up to 7 GB, and memory follows the history."""

WRITTEN_INDEX_CACHE = 128_000_000
"""Of a process that writes, for the index of the ids, some 50 bytes a row, and for what each index consists of. Where
it does not fit, each batch reads the whole of the former again; and to index a few rows of a million takes 0.1 s with
it, and 1.3 where all is read anew."""

SEARCHED_INDEX_CACHE, SEARCHED_METADATA_CACHE = 1_500_000_000, 128_000_000
"""Of a process that searches: what does not fit is read anew by each search. The indexes of a million fragments are
0.8 GB on the disk; and where the descriptions of all files' pages do not fit, as into 16 MB, to read 200 rows takes
109 ms of processor time instead of 70. What is not there takes nothing."""


class LanceTables:
    """The tables in one folder. Thread-safe; raises ``StoreUnavailable`` where the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        few_arenas()
        self.folder = folder
        self._connections: dict[bool, DBConnection] = {}
        self._written: Session | None = None
        self._cleaned: dict[str, float] = {}

    def _database(self, *, searched: bool = False) -> DBConnection:
        import lancedb

        # Two threads may both connect the first time; the later one wins and nothing is lost by that.
        if searched not in self._connections:
            self.folder.mkdir(parents=True, exist_ok=True)
            index, metadata = INDEX_CACHE, METADATA_CACHE
            if searched:
                index, metadata = SEARCHED_INDEX_CACHE, SEARCHED_METADATA_CACHE
            caches = lancedb.Session(index_cache_size_bytes=index, metadata_cache_size_bytes=metadata)
            self._connections[searched] = lancedb.connect(self.folder, session=caches)
        return self._connections[searched]

    def open(self, entry: CollectionEntry, *, searched: bool = False) -> Table:
        """The table at its latest version, which costs 0.3 ms; raises :class:`CollectionMissing`. ``searched``: with
        room for its indexes, which a process that only writes does not need."""
        with self.reachable():
            try:
                return self._database(searched=searched).open_table(entry.table)
            except ValueError as error:
                if "was not found" in str(error):
                    raise CollectionMissing(f"no table {entry.table} in {self.folder}") from error
                raise

    def there(self, entry: CollectionEntry) -> bool:
        """Whether the table has files."""
        return (self.folder / f"{entry.table}.lance").exists()

    def dataset(self, entry: CollectionEntry) -> LanceDataset:
        """The table's files at their latest version, for maintenance; it is there."""
        import lance

        with self.reachable():
            return lance.dataset(self._path(entry), index_cache_size_bytes=0, metadata_cache_size_bytes=METADATA_CACHE)

    def written(self, entry: CollectionEntry) -> LanceDataset:
        """The same for a writer, which looks ids up in their index each time and adds to all indexes now and then.

        Raises :class:`CollectionMissing`.
        """
        import lance
        from lance import Session  # type: ignore[attr-defined]

        if self._written is None:
            self._written = Session(WRITTEN_INDEX_CACHE, METADATA_CACHE)
        with self.reachable():
            try:
                return lance.dataset(self._path(entry), session=self._written)
            except ValueError as error:
                if "was not found" in str(error):
                    raise CollectionMissing(f"no table {entry.table} in {self.folder}") from error
                raise

    def _path(self, entry: CollectionEntry) -> Path:
        return self.folder / f"{entry.table}.lance"

    def create(self, entry: CollectionEntry) -> Table:
        """The table with its indexes; what an interrupted call or an older version left out is made up for."""
        with self.reachable():
            wanted = schema(entry.dimension)
            if entry.table in self._database().list_tables().tables:
                table = self._database().open_table(entry.table)
                missing = [field.name for field in wanted if field.name not in table.schema.names]
                if missing:
                    # Only texts were ever added; they are written with the next version of each fragment.
                    table.add_columns(dict.fromkeys(missing, "''"))
                surplus = set(table.schema.names) - set(wanted.names)
                if surplus:
                    table.drop_columns(sorted(surplus))
            else:
                table = self._database().create_table(entry.table, schema=wanted, exist_ok=True)
            build_indexes(table)
            return table

    def due(self, entry: CollectionEntry, *, every: dt.timedelta) -> bool:
        """Whether this process last heard yes so long ago, or never."""
        now = time.monotonic()
        if now - self._cleaned.get(entry.table, -math.inf) < every.total_seconds():
            return False
        self._cleaned[entry.table] = now
        return True

    def drop(self, entry: CollectionEntry) -> None:
        """Delete the table and its files; idempotent."""
        with self.reachable():
            try:
                self._database().drop_table(entry.table)
            except ValueError as error:
                if "was not found" not in str(error):
                    raise

    @contextmanager
    def writing(self, entry: CollectionEntry) -> Iterator[None]:
        """Only one process and thread at a time.

        Lance itself resolves conflicts of writers by doing the work again, which three writers feel: each in turn is
        faster. And a purge, which removes files that no version names, must not meet a writer whose files are not
        named yet.
        """
        with self._locked(f"{entry.table}.write.lock"):
            yield

    @contextmanager
    def maintaining(self, entry: CollectionEntry, *, wait: bool = True) -> Iterator[bool]:
        """Only one optimisation at a time; writers go on. Where another one is under way and ``wait`` is false, it
        yields false, and nothing is held."""
        with self._locked(f"{entry.table}.optimise.lock", wait=wait) as held:
            yield held

    @contextmanager
    def _locked(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        held = True
        with self.reachable():
            lock = FileLock(self.folder / name, timeout=WRITE_SECONDS if wait else 0, poll_interval=0.005)
            try:
                lock.acquire()
            except Timeout as error:
                if wait:
                    raise StoreUnavailable(f"LanceDB at {self.folder}: {name} is held by another process") from error
                held = False
        try:
            yield held
        finally:
            lock.release()

    @contextmanager
    def reachable(self) -> Iterator[None]:
        """Errors of the file system as ``StoreUnavailable``."""
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(f"LanceDB at {self.folder}: {error}") from error

    def retried(self, work: Callable[[], Result]) -> Result:
        """``work``, again where another process committed first or purged the version that was being read."""
        attempts = Retrying(
            retry=retry_if_exception(_passing),
            stop=stop_after_attempt(8),
            wait=wait_random_exponential(multiplier=0.02, max=1.0),
            reraise=True,
        )
        with self.reachable():
            return attempts(work)


def _passing(error: BaseException) -> bool:
    """A commit conflict, or a file that is gone because its version is. Lance has one Python type for all of these."""
    if not isinstance(error, RuntimeError | OSError | ValueError):
        return False
    text = str(error).lower()
    return any(sign in text for sign in ("conflict", "concurrent", "no such file", "not found:", "object at location"))


def present(table: Table, columns: Sequence[str] = COLUMNS) -> list[str]:
    """Those of ``columns`` that the table has: one of an older version may lack some until it is written to."""
    there = set(table.schema.names)
    return [name for name in columns if name in there]


def build_indexes(table: Table, *, replace: bool = False) -> list[str]:
    """Build the lexical and scalar indexes that are missing, or all anew; returns the columns they are on.

    An index serves from its first row on: what came later is searched without it, with the same tokens. Scores of rows
    inside follow the statistics of those inside, scores of the others those of all, until the others are indexed.
    """
    from lancedb.index import FTS, Bitmap, BTree

    # The terms were made by our own analysis: they are split at white space and otherwise left as they are.
    words = FTS(
        base_tokenizer="whitespace",
        max_token_length=None,
        lower_case=False,
        stem=False,
        remove_stop_words=False,
        ascii_folding=False,
    )
    wanted: list[tuple[str, FTS | BTree | Bitmap]] = [(SEARCHED, words)]
    wanted += [(column, BTree()) for column in BTREE_COLUMNS]
    wanted += [(column, Bitmap()) for column in BITMAP_COLUMNS]
    there = set() if replace else {column for index in table.list_indices() for column in index.columns}
    built = [column for column, _ in wanted if column not in there]
    for column, config in wanted:
        if column in built:
            table.create_index(column, config=config, replace=True)
    return built
