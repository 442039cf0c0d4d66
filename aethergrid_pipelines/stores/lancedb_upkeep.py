"""What ``optimise`` does to a LanceDB table, and the figures that show it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aethergrid_pipelines.stores.allocator import give_back
from aethergrid_pipelines.stores.collections_file import CollectionEntry
from aethergrid_pipelines.stores.lancedb_segments import SEGMENT_ROWS, compact, index_new_rows, remove_old_versions
from aethergrid_pipelines.stores.lancedb_tables import LanceTables, build_indexes, build_vector_index, vector_segments
from aethergrid_pipelines.stores.vectors import OptimiseReport

if TYPE_CHECKING:
    from lancedb.table import Table

EXACT_ROWS = 20_000
"""Up to this many rows every vector is compared (about 25 ms on two cores); above, the HNSW index narrows them down."""

KEPT = dt.timedelta(minutes=10)
"""Versions younger than this stay, for readers in other processes that are in the middle of one."""

MOST_SEGMENTS = 8
"""Each optimisation adds a small graph for the new rows, and each is searched: beyond this many, one is built anew."""

UNINDEXED_ROWS = 4_096
"""Rows outside the indexes from which on a writer adds them: a lexical search of so many takes about 70 ms more."""

DATA_FILES = 32
"""Small files from which on a writer makes one of them: each write adds one, and each search opens all of them, which
takes about 0.4 ms of processor time a file, a compaction 2 ms."""

FEW_UNINDEXED_ROWS = 256
"""Rows outside the indexes from which on a writer that makes one file of many adds them, too: somebody writes a few
rows at a time, and asks for them. Of 500 rows it takes 80 ms, and then no search looks through them word by word."""


def optimise(tables: LanceTables, entry: CollectionEntry, *, purge: bool) -> OptimiseReport:
    """Compact, index, prune; with ``purge`` rewrite whatever may still hold deleted rows."""
    with tables.maintaining(entry):
        before = _figures(tables, entry)
        actions = _purge(tables, entry) if purge else _refresh(tables, entry)
        after = _figures(tables, entry)
    notes = ["rows that are not in an index yet are found by scanning them"]
    if not purge:
        notes.append(f"versions of the last {KEPT.seconds // 60} minutes are kept for readers; purge removes them too")
    return OptimiseReport(actions=actions, before=before, after=after, notes=notes)


def refresh(tables: LanceTables, entry: CollectionEntry) -> bool:
    """Compact and index what writes left behind, where it is enough to be worth it.

    The graph of the vectors is not built here: that takes memory and minutes, and below 100,000 rows a search without
    it takes some 40 ms.
    """
    if not _wants_refresh(tables.open(entry)):
        return False
    # Without the writers' lock a write in between would make Lance start all over.
    with tables.writing(entry):
        table = tables.open(entry)
        if _wants_refresh(table):
            _tidy(tables, entry, indexing=_unindexed(table) > FEW_UNINDEXED_ROWS)
    give_back()
    return True


def _tidy(tables: LanceTables, entry: CollectionEntry, *, indexing: bool = True) -> None:
    # Each starts from the latest version: files that are one already need one segment only.
    tables.retried(lambda: compact(tables.dataset(entry)))
    if indexing:
        tables.retried(lambda: index_new_rows(tables.dataset(entry)))
    tables.retried(lambda: remove_old_versions(tables.dataset(entry), older_than=KEPT))


def _wants_refresh(table: Table) -> bool:
    stats: Any = table.stats()  # declared as a class, delivered as a dict
    small_files = stats["fragment_stats"]["num_fragments"] - stats["num_rows"] // SEGMENT_ROWS
    return small_files > DATA_FILES or _unindexed(table) > UNINDEXED_ROWS


def _unindexed(table: Table) -> int:
    return max((index.num_unindexed_rows or 0 for index in table.list_indices()), default=0)


def _refresh(tables: LanceTables, entry: CollectionEntry) -> list[str]:
    table = tables.open(entry)
    actions = []
    built = tables.retried(lambda: build_indexes(table))
    if built:
        actions.append(f"built the missing indexes on {', '.join(built)}")
    if _wants_graph(table):
        tables.retried(lambda: build_vector_index(table))
        actions.append("built the HNSW index of the vectors anew")
    _tidy(tables, entry)
    actions.append("compacted files, added new rows to the indexes, removed old versions")
    return actions


def _wants_graph(table: Table) -> bool:
    segments = vector_segments(table)
    return segments > MOST_SEGMENTS or (segments == 0 and table.count_rows() > EXACT_ROWS)


def _purge(tables: LanceTables, entry: CollectionEntry) -> list[str]:
    # Compaction leaves a file alone in which few rows are deleted, and refreshed indexes keep the terms of rows that
    # are gone. So every row is written again, every index is built again, and then all older files go.
    with tables.writing(entry):
        table = tables.open(entry)
        tables.retried(lambda: table.update(where="true", values_sql={"id": "id"}))
        tables.retried(lambda: build_indexes(table, replace=True))
        if vector_segments(table) or table.count_rows() > EXACT_ROWS:
            tables.retried(lambda: build_vector_index(table))
        # Zero would be refused with a warning; a millisecond later there is nothing that it would spare.
        remove_old_versions(tables.dataset(entry), older_than=dt.timedelta(milliseconds=1), unreferenced=True)
    return ["wrote all rows again", "built all indexes anew", "removed every older version and unreferenced file"]


def _figures(tables: LanceTables, entry: CollectionEntry) -> dict[str, float]:
    table = tables.open(entry)
    stats: Any = table.stats()  # declared as a class, delivered as a dict
    return {
        "rows": table.count_rows(),
        "bytes": _size(tables.folder / f"{entry.table}.lance"),
        "versions": len(table.list_versions()),
        "data_files": stats["fragment_stats"]["num_fragments"],
        "unindexed_rows": _unindexed(table),
        "index_segments": max((index.num_segments or 1 for index in table.list_indices()), default=0),
        "vector_graphs": vector_segments(table),
    }


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # compaction in another process was faster
    return total
