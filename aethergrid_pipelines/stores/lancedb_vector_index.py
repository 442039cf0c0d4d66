"""The index of the vectors: each quantised to bytes, and all of them compared (IVF_SQ with a single list).

No graph is searched, since none is worth its price here: among 262,144 vectors HNSW takes 16 ms a search, finds 97 % of
the 100 nearest, and a segment takes 18 s of processor time to build; to compare all bytes takes 8 ms, finds all of
them, and a segment takes 0.3 s (``benchmarks/vector_index.py``). It grows with the rows that are searched: among a
million fragments it takes some 40 ms. Segments are built beside the table and then published, so that nobody waits for
them: https://lance.org/guide/distributed_indexing/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from aethergrid_pipelines.stores.lancedb_rows import SEARCHED
from aethergrid_pipelines.stores.lancedb_segments import SEGMENT_ROWS, rows_of_files, segments

if TYPE_CHECKING:
    from lance import LanceDataset

LEAST_ROWS = 4_096
"""Rows of a table from which on it has the index: to compare as many as they are takes 2 to 3 ms."""

NAME, COLUMN, KIND = "vector_idx", "vector", "IVF_SQ"


def index_new_vectors(dataset: LanceDataset) -> int:
    """Bring the index up to date with that of the words; how many segments were built.

    Both have segments over the same files, since files are merged only where the same segments of all indexes know
    them. What was built before an error is there the next time. Raises ``OSError`` where a file was merged into another
    one meanwhile.
    """
    if any(index.name == NAME and index.index_type != KIND for index in dataset.describe_indices()):
        # Made by another version, whose segments are of another kind. To build all of it takes 10 µs a row.
        dataset.drop_index(NAME)
    rows = rows_of_files(dataset)
    if sum(rows.values()) <= LEAST_ROWS:
        return 0
    there = segments(dataset, COLUMN)
    wanted = [files for known in segments(dataset, SEARCHED) for files in _grouped(known, rows)]
    missing = [files for files in wanted if files not in there]
    for files in missing:
        # In place of the segments that know some of these files. Each starts from the version that the one before made.
        segment = dataset.create_index_uncommitted(
            COLUMN, KIND, name=NAME, metric="cosine", replace=True, num_partitions=1, fragment_ids=files
        )
        dataset.commit_existing_index_segments(NAME, COLUMN, [segment])
    return len(missing)


def drop(dataset: LanceDataset) -> None:
    """Remove the index."""
    if any(index.name == NAME for index in dataset.describe_indices()):
        dataset.drop_index(NAME)


def _grouped(files: Iterable[int], rows: Mapping[int, int]) -> list[list[int]]:
    """The files in groups of at most :data:`SEGMENT_ROWS` rows, or of one file: a purge makes one segment of all."""
    groups: list[list[int]] = []
    total = SEGMENT_ROWS
    for file in files:
        total += rows[file]
        if total > SEGMENT_ROWS:
            groups.append([])
            total = rows[file]
        groups[-1].append(file)
    return groups
