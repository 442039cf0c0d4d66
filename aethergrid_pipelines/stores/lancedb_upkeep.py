"""What ``optimise`` does to a LanceDB table, and the figures that show it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aethergrid_pipelines.stores import lancedb_vector_index
from aethergrid_pipelines.stores.allocator import give_back
from aethergrid_pipelines.stores.collections_file import CollectionEntry
from aethergrid_pipelines.stores.lancedb_rows import SEARCHED
from aethergrid_pipelines.stores.lancedb_segments import compact, index_new_rows, new_files, remove_old_versions
from aethergrid_pipelines.stores.lancedb_tables import LanceTables, build_indexes
from aethergrid_pipelines.stores.vectors import OptimiseReport

if TYPE_CHECKING:
    from lance import LanceDataset
    from lancedb.table import Table

KEPT = dt.timedelta(minutes=10)
"""Versions younger than this stay, for readers in other processes that are in the middle of one."""

CLEANED = dt.timedelta(minutes=1)
"""How often a process that writes looks for older ones: it reads them all, 0.4 s for 500 versions of 500,000 rows."""

UNINDEXED_ROWS = 4_096
"""Rows outside the indexes from which on a writer adds them: a lexical search of so many takes about 70 ms more."""

DATA_FILES = 32
"""Files outside the indexes from which on a writer makes one of them: each write adds one, and each search opens all of
them, which takes about 0.4 ms of processor time a file, a compaction 2 ms."""

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
    """Compact and index what writes left behind, where it is enough to be worth it."""
    if not _wants_refresh(tables.written(entry)):
        return False
    with tables.maintaining(entry, wait=False) as held:
        # Whoever holds it sees to it.
        if not held:
            return False
        indexing = _unindexed(tables.open(entry)) > FEW_UNINDEXED_ROWS
        _compact(tables, entry)
        if tables.due(entry, every=CLEANED):
            _clean(tables, entry)
        if indexing:
            tables.retried(lambda: index_new_rows(tables.written(entry)))
            _index_vectors(tables, entry)
    give_back()
    return True


def _index_vectors(tables: LanceTables, entry: CollectionEntry) -> int:
    return tables.retried(lambda: lancedb_vector_index.index_new_vectors(tables.dataset(entry)))


def _compact(tables: LanceTables, entry: CollectionEntry) -> None:
    # Writers wait for it: a write in between would make Lance do all of it again, and somebody who writes without a
    # pause would never let it end. An index takes such a write as it comes.
    with tables.writing(entry):
        tables.retried(lambda: compact(tables.dataset(entry)))


def _clean(tables: LanceTables, entry: CollectionEntry) -> None:
    tables.retried(lambda: remove_old_versions(tables.dataset(entry), older_than=KEPT))


def _wants_refresh(dataset: LanceDataset) -> bool:
    # Of files that the indexes know, some stay small for good: their neighbours are of other segments. To count them
    # as well would soon mean to compact after each write.
    new = new_files(dataset, SEARCHED)
    return len(new) > DATA_FILES or sum(new.values()) > UNINDEXED_ROWS


def _unindexed(table: Table, *, of_vectors: bool = False) -> int:
    """How many rows the index of the vectors does not know yet, or one of the others."""
    indexes = [one for one in table.list_indices() if (one.columns == [lancedb_vector_index.COLUMN]) == of_vectors]
    return max((one.num_unindexed_rows or 0 for one in indexes), default=table.count_rows())


def _refresh(tables: LanceTables, entry: CollectionEntry) -> list[str]:
    table = tables.open(entry)
    actions = []
    built = tables.retried(lambda: build_indexes(table))
    if built:
        actions.append(f"built the missing indexes on {', '.join(built)}")
    # Each starts from the latest version: files that are one already need one segment only.
    _compact(tables, entry)
    tables.retried(lambda: index_new_rows(tables.written(entry)))
    _clean(tables, entry)
    actions.append("compacted files, added new rows to the indexes, removed old versions")
    if segments := _index_vectors(tables, entry):
        actions.append(f"built {segments} segments of the index of vectors")
    return actions


def _purge(tables: LanceTables, entry: CollectionEntry) -> list[str]:
    # Compaction leaves a file alone in which few rows are deleted, and refreshed indexes keep the terms of rows that
    # are gone. So every row is written again, every index is built again, and then all older files go.
    with tables.writing(entry):
        table = tables.open(entry)
        tables.retried(lambda: table.update(where="true", values_sql={"id": "id"}))
        tables.retried(lambda: build_indexes(table, replace=True))
        tables.retried(lambda: lancedb_vector_index.drop(tables.dataset(entry)))
        _index_vectors(tables, entry)
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
        "unindexed_vectors": _unindexed(table, of_vectors=True),
        "index_segments": max((index.num_segments or 1 for index in table.list_indices()), default=0),
    }


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # compaction in another process was faster
    return total
