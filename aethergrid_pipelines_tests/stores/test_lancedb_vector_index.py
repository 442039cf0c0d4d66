"""The index of the vectors is in segments of bounded size: none is built anew because the table grows, no row is left
outside for long, and what is found is as exact as comparing all would be."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lance import LanceDataset
from lance.dataset import DatasetOptimizer

from aethergrid_pipelines.stores import lancedb_segments, lancedb_upkeep, lancedb_vector_index
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines.stores.vectors import FragmentFilter
from aethergrid_pipelines_tests.contract.fragments import EMBEDDER, EVERYTHING, fragment, unit_vectors

ROWS = 1_500
MATRIX = unit_vectors(ROWS, seed=8)
FRAGMENTS = [
    fragment(number, vector=row.tolist(), topic="rare" if number % 100 == 0 else "usual")
    for number, row in enumerate(MATRIX)
]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LanceVectorStore:
    for module in (lancedb_segments, lancedb_vector_index):
        monkeypatch.setattr(module, "SEGMENT_ROWS", 400)
    monkeypatch.setattr(lancedb_segments, "PAGE_ROWS", 60)
    monkeypatch.setattr(lancedb_vector_index, "LEAST_ROWS", 40)
    monkeypatch.setattr(lancedb_upkeep, "UNINDEXED_ROWS", 40)
    monkeypatch.setattr(lancedb_upkeep, "FEW_UNINDEXED_ROWS", 40)
    opened = LanceVectorStore(tmp_path / "vectors")
    opened.ensure("Fragments", dimension=16, embedder=EMBEDDER)
    return opened


def write(store: LanceVectorStore, first: int, last: int) -> None:
    for start in range(first, last, 50):
        store.upsert("Fragments", FRAGMENTS[start : min(start + 50, last)])
        store.refresh("Fragments")


def segments(store: LanceVectorStore) -> dict[str, int]:
    """The rows of each segment, by its name on disk."""
    dataset = store._tables.dataset(store._catalog.resolve("Fragments"))
    rows = {file.fragment_id: file.metadata.physical_rows for file in dataset.get_fragments()}
    return {
        segment.uuid: sum(rows.get(file, 0) for file in segment.fragment_ids)
        for index in dataset.describe_indices()
        if index.field_names == ["vector"]
        for segment in index.segments
    }


def assert_finds_the_nearest(store: LanceVectorStore, rows: int) -> None:
    """Those that comparing all gives, with their scores, over twenty queries."""
    for query in unit_vectors(20, seed=9):
        exact = MATRIX[:rows] @ query
        hits = store.dense("Fragments", query, where=EVERYTHING, limit=20)
        assert [hit.fragment.ordinal for hit in hits] == np.argsort(-exact)[:20].tolist()
        assert [hit.score for hit in hits] == pytest.approx(np.sort(-exact)[:20] * -1, abs=1e-5)


def test_an_import_indexes_as_it_goes_and_each_row_a_few_times_only(
    store: LanceVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[int] = []

    create_index: Any = LanceDataset.create_index_uncommitted

    def create(dataset: LanceDataset, *args: Any, fragment_ids: list[int], **options: Any) -> Any:
        rows = lancedb_segments.rows_of_files(dataset)
        built.append(sum(rows[file] for file in fragment_ids))
        return create_index(dataset, *args, fragment_ids=fragment_ids, **options)

    monkeypatch.setattr(LanceDataset, "create_index_uncommitted", create)
    for end in (500, 1_000, ROWS):
        built.clear()
        write(store, end - 500, end)
        assert sum(segments(store).values()) >= end - 40
        assert max(built) <= 400
        assert sum(built) <= 500 * 4
    assert len(segments(store)) <= 8
    assert_finds_the_nearest(store, ROWS)


@pytest.mark.parametrize("page_rows", [1, 60, 1_000])
def test_merging_files_keeps_every_row_as_it_is(
    store: LanceVectorStore, monkeypatch: pytest.MonkeyPatch, page_rows: int
) -> None:
    monkeypatch.setattr(lancedb_segments, "PAGE_ROWS", page_rows)
    first = 0
    for size in (10, 20, 150, 5, 90, 30, 40, 2):
        store.upsert("Fragments", FRAGMENTS[first : first + size])
        first += size
    store.delete("Fragments", [FRAGMENTS[at].id for at in range(0, first, 7)])
    left = {at for at in range(first) if at % 7}
    identifiers = [FRAGMENTS[at].id for at in range(first)]
    before = {one.ordinal: one for one in store.fetch("Fragments", identifiers, with_vectors=True)}
    report = store.optimise("Fragments")
    assert report.before["data_files"] == 8
    assert report.after["data_files"] == 1
    found = store.fetch("Fragments", identifiers, with_vectors=True)
    assert before.keys() == left
    assert {one.ordinal: one for one in found} == before
    for one in found:
        assert one.vector == pytest.approx(FRAGMENTS[one.ordinal].vector)
        assert one.content == FRAGMENTS[one.ordinal].content


def test_each_nights_rows_join_the_last_segments_until_these_are_complete(store: LanceVectorStore) -> None:
    write(store, 0, 600)
    store.optimise("Fragments")
    for night in range(600, ROWS, 60):
        write(store, night, min(night + 60, ROWS))
        assert store.optimise("Fragments").after["unindexed_vectors"] <= 40
        assert len(segments(store)) <= (night + 60) / 200 + 4
    assert_finds_the_nearest(store, ROWS)


def test_few_new_rows_are_compared_without_it(store: LanceVectorStore) -> None:
    write(store, 0, 600)
    before = segments(store)
    store.upsert("Fragments", FRAGMENTS[600:630])
    assert not store.refresh("Fragments")
    assert segments(store) == before
    assert_finds_the_nearest(store, 630)


def test_there_is_a_file_for_each_segment(store: LanceVectorStore) -> None:
    for start in range(0, ROWS, 10):
        store.upsert("Fragments", FRAGMENTS[start : start + 10])
        store.refresh("Fragments")
    # Where a segment of the scalar indexes ends within one of the others, there is another one.
    assert store.optimise("Fragments").after["data_files"] <= len(segments(store)) + 2


def test_what_is_written_while_indexes_are_built_waits_for_all_of_them(
    store: LanceVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimise: Any = DatasetOptimizer.optimize_indices
    written = iter(range(100, 120))

    def beside_a_writer(optimizer: DatasetOptimizer, **options: Any) -> None:
        store.upsert("Fragments", [FRAGMENTS[next(written)]])
        optimise(optimizer, **options)

    monkeypatch.setattr(DatasetOptimizer, "optimize_indices", beside_a_writer)
    store.upsert("Fragments", FRAGMENTS[:100])
    assert store.refresh("Fragments")
    dataset = store._tables.dataset(store._catalog.resolve("Fragments"))
    indexed = [column for index in dataset.describe_indices() for column in index.field_names]
    assert len(indexed) == 11
    for column in indexed:
        assert lancedb_segments.new_files(dataset, column) == {1: 1, 2: 1}
    assert_finds_the_nearest(store, 102)


def test_a_small_table_has_none(store: LanceVectorStore) -> None:
    write(store, 0, 40)
    assert store.optimise("Fragments").after["unindexed_vectors"] == 40
    assert segments(store) == {}


def test_a_filter_that_few_rows_pass_finds_all_of_them(store: LanceVectorStore) -> None:
    write(store, 0, ROWS)
    hits = store.dense("Fragments", MATRIX[3], where=FragmentFilter(space="default", topics=("rare",)), limit=50)
    rare = np.arange(0, ROWS, 100)
    assert [hit.fragment.ordinal for hit in hits] == rare[np.argsort(-(MATRIX[rare] @ MATRIX[3]))].tolist()


def test_an_index_of_another_kind_is_replaced(store: LanceVectorStore) -> None:
    write(store, 0, 30)
    dataset = store._tables.dataset(store._catalog.resolve("Fragments"))
    dataset.create_index("vector", "IVF_HNSW_SQ", name="vector_idx", metric="cosine", num_partitions=1)
    before = segments(store)
    write(store, 30, 100)
    assert segments(store).keys().isdisjoint(before)
    assert_finds_the_nearest(store, 100)


def test_a_writer_does_not_wait_for_an_optimisation(store: LanceVectorStore) -> None:
    with store._tables.maintaining(store._catalog.resolve("Fragments")):
        write(store, 0, 1_000)
    assert segments(store) == {}
    assert store.count("Fragments") == 1_000
    write(store, 1_000, 1_200)
    assert segments(store)


def test_what_is_replaced_while_files_are_merged_and_indexed_is_there_once(store: LanceVectorStore) -> None:
    write(store, 0, 300)
    titles = {row.ordinal: row.title for row in FRAGMENTS[:300]}

    def edit() -> None:
        for number in range(250):
            # Some that were there, some that are new, some twice; each third one goes.
            place = number * 7 % 350
            titles[place] = f"edit {number}"
            row = FRAGMENTS[place].model_copy(update={"title": titles[place]})
            store.upsert("Fragments", [row])
            if number % 3 == 0:
                store.delete("Fragments", [row.id])
                del titles[place]

    with ThreadPoolExecutor(1) as other:
        edited = other.submit(edit)
        rounds = 0
        while not edited.done():
            store.refresh("Fragments") if rounds % 5 else store.optimise("Fragments")
            rounds += 1
        edited.result()
    assert rounds > 5

    ids = list(store.ids("Fragments"))
    assert len(ids) == len(set(ids)) == len(titles)
    assert {row.ordinal: row.title for row in store.fetch("Fragments", ids)} == titles
    assert store.optimise("Fragments").after["unindexed_rows"] == 0
    for place in range(0, 350, 25):
        hits = store.lexical("Fragments", [f"word{place}"], where=EVERYTHING, limit=5)
        assert [hit.fragment.ordinal for hit in hits] == [place][: place in titles]


def test_somebody_who_writes_without_a_pause_does_not_keep_files_from_being_merged(
    store: LanceVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for start in range(0, 60, 10):
        store.upsert("Fragments", FRAGMENTS[start : start + 10])
    edits: list[Future[None]] = []

    def compact_beside_an_edit(dataset: LanceDataset) -> None:
        edited = FRAGMENTS[len(edits)].model_copy(update={"title": "edited meanwhile"})
        edits.append(other.submit(store.upsert, "Fragments", [edited]))
        wait(edits, timeout=0.2)
        lancedb_segments.compact(dataset)

    monkeypatch.setattr(lancedb_upkeep, "compact", compact_beside_an_edit)
    with ThreadPoolExecutor(1) as other:
        report = store.optimise("Fragments")
    assert len(edits) == 1
    edits[0].result()
    # One file of the six, and the one of the edit, which came before or after the count.
    assert report.before["data_files"] == 6
    assert report.after["data_files"] <= 2
    ids = list(store.ids("Fragments"))
    assert len(ids) == 60
    assert [row.title for row in store.fetch("Fragments", ids)].count("edited meanwhile") == 1


def test_a_purge_builds_it_anew_over_what_is_left(store: LanceVectorStore) -> None:
    write(store, 0, 1_000)
    store.delete("Fragments", [one.id for one in FRAGMENTS[500:1_000]])
    before = segments(store)
    store.optimise("Fragments", purge=True)
    after = segments(store)
    assert before.keys() & after.keys() == set()
    assert sum(after.values()) == 500
    assert_finds_the_nearest(store, 500)
