"""Fragments in LanceDB: the embedded vector store, one table for each collection in a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.candidates import best, distinct, in_order, latest, physical_name
from aethergrid_pipelines.stores.collections_file import CollectionEntry, CollectionsFile
from aethergrid_pipelines.stores.lancedb_candidates import (
    both_sides,
    compared,
    full_text,
    matching,
    nearest,
    similarities,
)
from aethergrid_pipelines.stores.lancedb_rows import COLUMNS, any_of, condition, to_fragments, to_table
from aethergrid_pipelines.stores.lancedb_tables import LanceTables, present
from aethergrid_pipelines.stores.lancedb_upkeep import optimise, refresh
from aethergrid_pipelines.stores.lancedb_writes import replace
from aethergrid_pipelines.stores.vectors import Candidates, DimensionMismatch, FragmentFilter, OptimiseReport, Scored

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.expr import Expr
    from lancedb.table import Table

THREADS = 16
"""The two sides of a search are looked up at the same time."""


class LanceVectorStore:
    """A :class:`~aethergrid_pipelines.stores.vectors.VectorStore` in the folder ``path``, which is created.

    Any number of processes may read and write the folder at once; each search sees what was written before it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="lancedb")
        self._catalog = CollectionsFile(path)
        self._tables = LanceTables(path)
        self._ensured: set[str] = set()

    def ensure(self, collection: str, *, dimension: int, embedder: str) -> None:
        """See the protocol; raises ``ValueError`` for a name that is none."""
        with self._tables.reachable():
            entry = self._catalog.add(physical_name(collection), embedder=embedder, dimension=dimension)
        # A table has a name of its own each time it is created, so what was looked through once is whole. To look
        # again before each batch would take longer than to write a small one.
        if entry.table in self._ensured and self._tables.there(entry):
            return
        with self._tables.writing(entry):
            self._tables.create(entry)
        self._ensured.add(entry.table)

    def activate(self, collection: str) -> None:
        with self._tables.reachable():
            self._catalog.activate(collection)

    def active(self) -> tuple[str, str, int] | None:
        with self._tables.reachable():
            content = self._catalog.read()
        if content.active is None:
            return None
        entry = content.collections[content.active]
        return content.active, entry.embedder, entry.dimension

    def drop(self, collection: str) -> None:
        """See the protocol; raises ``ValueError`` for the active collection."""
        with self._tables.reachable():
            content = self._catalog.read()
            entry = content.collections.get(physical_name(collection))
            if entry is None:
                return
            if content.active != collection:
                with self._tables.writing(entry):
                    self._tables.drop(entry)
            self._catalog.remove(collection)

    def upsert(self, collection: str, fragments: Sequence[Fragment], *, instead_of: Sequence[str] = ()) -> None:
        """See the protocol. All of it is one commit, before which a reader sees nothing of it."""
        with self._tables.reachable():
            entry = self._catalog.resolve(collection)
        rows = latest(fragments, entry.dimension)
        data = to_table(rows, entry.dimension) if rows else None
        self._replace(entry, [*(row.id for row in rows), *instead_of], data)

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        with self._tables.reachable():
            entry = self._catalog.resolve(collection)
        self._replace(entry, ids)

    def _replace(self, entry: CollectionEntry, ids: Sequence[str], rows: pa.Table | None = None) -> None:
        if ids:
            with self._tables.writing(entry):
                self._tables.retried(lambda: replace(self._tables.written(entry), ids, rows))

    def ids(self, collection: str, *, conversation_ids: Collection[str] | None = None) -> Iterator[str]:
        """See the protocol. The ids are those of the moment of the call."""
        if conversation_ids is None:
            found = [self._rows(collection, None, ["id"])]
        else:
            some = any_of("conversation_id", list(conversation_ids))
            found = [self._rows(collection, part, ["id"]) for part in some]
        return (id_.as_py() for rows in found for id_ in rows.column("id"))

    def fetch(self, collection: str, ids: Sequence[str], *, with_vectors: bool = False) -> list[Fragment]:
        columns = [*COLUMNS, "vector"] if with_vectors else COLUMNS
        found = [one for some in any_of("id", ids) for one in to_fragments(self._rows(collection, some, columns))]
        return in_order(found, ids)

    def neighbours(self, collection: str, conversation_id: str, first: int, last: int) -> list[Fragment]:
        import lancedb  # noqa: F401  (whole before its parts: see lancedb_tables)
        from lancedb.expr import col, lit

        where = (col("conversation_id") == lit(conversation_id)) & (col("ordinal") >= lit(first))
        rows = self._rows(collection, where & (col("ordinal") <= lit(last)), COLUMNS)
        return sorted(to_fragments(rows), key=lambda fragment: (fragment.ordinal, fragment.id))

    def similarities(self, collection: str, ids: Sequence[str], vector: NDArray[np.float32]) -> dict[str, float]:
        query = self._query_vector(collection, vector)
        found: dict[str, float] = {}
        for some in any_of("id", ids):
            rows = self._rows(collection, some, ["id", "vector"])
            found |= compared(rows, query, by="id")
        return found

    def count(self, collection: str) -> int:
        return int(self._read(collection, lambda table: table.count_rows()))

    def dense(self, collection: str, vector: NDArray[np.float32], *, where: FragmentFilter, limit: int) -> list[Scored]:
        query, passing = self._query_vector(collection, vector), condition(where)

        def search(count: int) -> list[Scored]:
            rows = self._searched(collection, lambda table: nearest(table, query, passing, count, present(table)))
            return [Scored(*pair) for pair in zip(to_fragments(rows), similarities(rows), strict=True)]

        return best(search, limit)

    def lexical(
        self,
        collection: str,
        terms: Sequence[str],
        *,
        where: FragmentFilter,
        limit: int,
    ) -> list[Scored]:
        with self._tables.reachable():
            self._catalog.resolve(collection)
        words = " ".join(distinct(terms))
        if not words:
            return []
        query, passing = full_text(words), condition(where)

        def search(count: int) -> list[Scored]:
            rows = self._searched(collection, lambda table: matching(table, query, passing, count, present(table)))
            scores = rows.column("_score").to_pylist()
            return [Scored(*pair) for pair in zip(to_fragments(rows), scores, strict=True)]

        return best(search, limit)

    def candidates(
        self,
        collection: str,
        vector: NDArray[np.float32],
        terms: Sequence[str],
        *,
        where: FragmentFilter,
        limit: int,
    ) -> Candidates:
        query, passing, words = self._query_vector(collection, vector), condition(where), " ".join(distinct(terms))

        def search(table: Table) -> Candidates:
            return both_sides(table, query, words, passing=passing, limit=limit, threads=self._threads)

        found: Candidates = self._searched(collection, search)
        now = partial(self.fetch, collection)

        def whole(ids: Sequence[str]) -> list[Fragment]:
            # Where the version that was searched has been purged since, the latest one has what is left.
            searched = iter([found.whole])
            return self._tables.retried(lambda: next(searched, now)(ids))

        return Candidates(found.found, found.dense, found.lexical, whole)

    def optimise(self, collection: str, *, purge: bool = False) -> OptimiseReport:
        """See the protocol. A purge promises that no file of the collection holds anything that was deleted; readers
        in other processes that are in the middle of a search start it again."""
        with self._tables.reachable():
            entry = self._catalog.resolve(collection)
        return optimise(self._tables, entry, purge=purge)

    def refresh(self, collection: str) -> bool:
        """See the protocol. Other writers wait meanwhile, readers do not."""
        with self._tables.reachable():
            entry = self._catalog.resolve(collection)
        return refresh(self._tables, entry)

    def info(self) -> Mapping[str, Any]:
        from importlib.metadata import version

        return {"name": "LanceDB", "version": version("lancedb"), "path": str(self._path)}

    def ping(self) -> None:
        with self._tables.reachable():
            self._catalog.read()

    def close(self) -> None:
        """See the protocol. No file is held open between calls."""
        self._threads.shutdown()

    def _searched(self, collection: str, work: Callable[[Table], Any]) -> Any:
        """``work``, a search, on the latest version of the table."""
        return self._read(collection, work, searched=True)

    def _read(self, collection: str, work: Callable[[Table], Any], *, searched: bool = False) -> Any:
        """``work`` on the latest version of the table."""
        with self._tables.reachable():
            entry = self._catalog.resolve(collection)
        return self._tables.retried(lambda: work(self._tables.open(entry, searched=searched)))

    def _query_vector(self, collection: str, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        with self._tables.reachable():
            dimension = self._catalog.resolve(collection).dimension
        if vector.shape != (dimension,):
            raise DimensionMismatch(f"a vector of shape {vector.shape}; {collection} has {dimension} dimensions")
        return np.asarray(vector, dtype=np.float32)

    def _rows(self, collection: str, where: Expr | None, columns: list[str]) -> Any:
        def scan(table: Table) -> Any:
            rows = table.search() if where is None else table.search().where(where)
            return rows.select(present(table, columns)).limit(None).to_arrow()

        return self._read(collection, scan)
