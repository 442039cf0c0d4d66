"""The graphs of the vectors: HNSW, quantised to bytes, each over some files of a table.

One graph over all rows has to be built anew as the table grows: a quarter of an hour of processor time at a million
rows, and gigabytes. Many small ones take long to search: 110 of 4,096 rows 200 ms, no less than their vectors without
any. So a graph is complete at about :data:`GRAPH_ROWS`, and is never built again; a search looks through all of them.
They are built beside the table and then published, so that nobody waits for them:
https://lance.org/guide/distributed_indexing/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from aethergrid_pipelines.stores.lancedb_segments import SEGMENT_ROWS, new_files, rows_of_files, segments

if TYPE_CHECKING:
    from lance import LanceDataset

GRAPH_ROWS = 32_768
"""A graph of this many rows is complete. It takes 17 s of processor time and 160 MB to build, and about 3 ms to search;
one of twice as many 54 s, 260 MB, with which a run needs more than 1 GB, and 4 ms. Rows that no graph has take 0.5 to
0.7 ms for each 1,000."""

COMPLETE = 0.75
"""The share of these rows from which on a writer builds a graph: the next file would rarely fit."""

NAME, COLUMN = "vector_idx", "vector"


def complete_groups(dataset: LanceDataset) -> list[list[int]]:
    """Files for graphs that are complete at once: of those that no graph has, and that are so large that they will
    hardly be merged any more."""
    rows = new_files(dataset, COLUMN)
    groups = _grouped(sorted(file for file, count in rows.items() if count >= SEGMENT_ROWS // 2), rows)
    # The last one may get another file yet.
    return [files for files in groups if sum(rows[file] for file in files) >= COMPLETE * GRAPH_ROWS]


def all_groups(dataset: LanceDataset) -> list[list[int]]:
    """Files for graphs after which each row is in one: with the new files those of the smallest graphs that still have
    room for them."""
    rows = rows_of_files(dataset)
    new = set(new_files(dataset, COLUMN))
    if not new:
        return []
    total = sum(rows[file] for file in new)
    for files in sorted(segments(dataset, COLUMN), key=lambda files: sum(rows[file] for file in files)):
        total += sum(rows[file] for file in files)
        if total > GRAPH_ROWS:
            break
        new |= set(files)
    return _grouped(sorted(new), rows)


def build(dataset: LanceDataset, files: Sequence[int]) -> None:
    """Build the graph over these files, in place of those that only some of them have. Raises ``OSError`` where one of
    the files was merged into another meanwhile."""
    segment = dataset.create_index_uncommitted(
        COLUMN,
        "IVF_HNSW_SQ",
        name=NAME,
        metric="cosine",
        replace=True,
        num_partitions=1,
        fragment_ids=list(files),
        m=20,
        ef_construction=300,
    )
    dataset.commit_existing_index_segments(NAME, COLUMN, [segment])


def drop(dataset: LanceDataset) -> None:
    """Remove all graphs."""
    if any(index.name == NAME for index in dataset.describe_indices()):
        dataset.drop_index(NAME)


def _grouped(files: Iterable[int], rows: Mapping[int, int]) -> list[list[int]]:
    """The files in groups of at most :data:`GRAPH_ROWS` rows, or of one file."""
    groups: list[list[int]] = []
    total = GRAPH_ROWS
    for file in files:
        total += rows[file]
        if total > GRAPH_ROWS:
            groups.append([])
            total = rows[file]
        groups[-1].append(file)
    return groups
