"""Keeping a LanceDB table in pieces of bounded size: data files, and the index segments over them.

LanceDB's own ``Table.optimize`` merges what is new into the one segment of each index, and so writes and holds all of
it each time: 7 s and 340 MB at 100,000 rows, growing with the table. Here new rows first become one file, then a
segment of their own, which is merged with the segments before it only while these are small, and not much larger than
it. So each call writes at most :data:`SEGMENT_ROWS` rows of text and index, whatever the size of the table, and each
row is written a few times, however few come at once; segments score together as one index would. The indexes of single
values, which are small, have larger ones. These are functions of the Lance format's library, to which LanceDB gives
access. The index of the vectors follows that of the words (:mod:`.lancedb_vector_index`).
"""

from __future__ import annotations

import datetime as dt
from statistics import mean
from typing import TYPE_CHECKING

from aethergrid_pipelines.stores.lancedb_rows import SEARCHED

if TYPE_CHECKING:
    from lance import LanceDataset

SEGMENT_ROWS = 32_768
"""A file and a segment of this many rows are complete: they are not merged any more."""

SCALAR_SEGMENT_ROWS = 16 * SEGMENT_ROWS
"""The same of the indexes of single values. Every search with a filter looks into all segments, a writer looks each of
its ids up in every one, and every version of the table lists them: of 13 ids among a million rows that takes 12 ms in
34 segments (79 when the cache is empty) and 4 in one (15). To merge all of the ids takes 0.3 s, 115 MB."""

MOST_TIMES_LARGER = 2
"""A segment is merged with what came after it where it is at most so many times as large: there are some ten then."""

PAGE_ROWS = 2_048
"""Files of fewer rows on average are written anew when they are merged, 20 µs a row: each is at least a page of every
column, and 200 rows out of pages of 400 take 25 ms to read, 14 out of larger ones. Of others the pages are copied, 2 µs
a row."""

BATCH_ROWS = 1_024
"""Rows that compaction holds at once, several times over; Lance's own number is 8,192."""


def compact(dataset: LanceDataset) -> None:
    """Make small neighbouring files, of which no index or the same segments know, into files of at most
    :data:`SEGMENT_ROWS` rows; rewrite a file of whose rows a tenth is deleted."""
    from lance.optimize import Compaction, CompactionOptions

    options = CompactionOptions(
        target_rows_per_fragment=SEGMENT_ROWS, max_source_rows=2 * SEGMENT_ROWS, num_threads=1, batch_size=BATCH_ROWS
    )
    anew = Compaction.plan(dataset, options).tasks
    copied = Compaction.plan(dataset, CompactionOptions(**options, compaction_mode="try_binary_copy")).tasks
    # One after the other in one commit: so files stay in the order of their rows, and those of a segment side by side.
    merged = [
        (one if mean(file.physical_rows for file in one.fragments) < PAGE_ROWS else other).execute(dataset)
        for one, other in zip(anew, copied, strict=True)
    ]
    if merged:
        Compaction.commit(dataset, merged, options)


def index_new_rows(dataset: LanceDataset) -> None:
    """Bring every index up to date with this version of the table but that of the vectors."""
    names = {index.field_names[0]: index.name for index in dataset.describe_indices()}
    words, scalars = names.keys() & {SEARCHED}, names.keys() - {SEARCHED, "vector"}
    version = dataset.version
    for columns, most in ((words, SEGMENT_ROWS), (scalars, SCALAR_SEGMENT_ROWS)):
        if columns:
            # What somebody writes meanwhile is left to the next time: files that only some indexes know are not merged
            # with any others.
            before = dataset.checkout_version(version)
            merged = _unfinished(before, min(columns), most)
            together = sorted(names[column] for column in columns)
            before.optimize.optimize_indices(num_indices_to_merge=merged, index_names=together)


def rows_of_files(dataset: LanceDataset) -> dict[int, int]:
    """How many rows each file has, deleted ones among them."""
    return {fragment.fragment_id: fragment.metadata.physical_rows for fragment in dataset.get_fragments()}


def segments(dataset: LanceDataset, column: str) -> list[list[int]]:
    """The files that each segment of a column's index knows, ascending, without those that are gone; in the order in
    which the segments were made, which is that of merging: a compaction gives older rows newer files."""
    there = {fragment.fragment_id for fragment in dataset.get_fragments()}
    return [
        sorted(there & set(segment.fragment_ids))
        for index in dataset.describe_indices()
        if index.field_names == [column]
        for segment in index.segments
    ]


def new_files(dataset: LanceDataset, column: str) -> dict[int, int]:
    """The files that no segment of a column's index knows, each with its rows."""
    known = {file for files in segments(dataset, column) for file in files}
    return {file: count for file, count in rows_of_files(dataset).items() if file not in known}


def _unfinished(dataset: LanceDataset, column: str, most: int) -> int:
    """How many of the latest segments of a column's index are to become one with the rows that no segment has yet."""
    rows = rows_of_files(dataset)
    total = sum(new_files(dataset, column).values())
    found = 0
    for files in reversed(segments(dataset, column)):
        size = sum(rows[file] for file in files)
        if size > MOST_TIMES_LARGER * total or total + size > most:
            break
        total += size
        found += 1
    return found


def remove_old_versions(dataset: LanceDataset, *, older_than: dt.timedelta, unreferenced: bool = False) -> None:
    """Remove versions older than that; ``unreferenced``: and each file that no version names, which is safe only while
    nobody writes."""
    dataset.cleanup_old_versions(older_than, delete_unverified=unreferenced)
