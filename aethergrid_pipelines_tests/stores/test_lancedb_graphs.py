"""Graphs of vectors are of bounded size: none is built anew because the table grows, and none is missing for long."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pytest
from lance import LanceDataset

from aethergrid_pipelines.stores import lancedb_candidates, lancedb_graphs, lancedb_segments, lancedb_upkeep
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines_tests.contract.fragments import EMBEDDER, EVERYTHING, fragment, unit_vectors

ROWS = 1_500
MATRIX = unit_vectors(ROWS, seed=8)
FRAGMENTS = [fragment(number, vector=row.tolist()) for number, row in enumerate(MATRIX)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LanceVectorStore:
    monkeypatch.setattr(lancedb_graphs, "GRAPH_ROWS", 400)
    for module in (lancedb_segments, lancedb_graphs):
        monkeypatch.setattr(module, "SEGMENT_ROWS", 100)
    for module in (lancedb_upkeep, lancedb_candidates):
        monkeypatch.setattr(module, "EXACT_ROWS", 300)
    monkeypatch.setattr(lancedb_upkeep, "UNINDEXED_ROWS", 40)
    opened = LanceVectorStore(tmp_path / "vectors")
    opened.ensure("Fragments", dimension=16, embedder=EMBEDDER)
    return opened


def write(store: LanceVectorStore, first: int, last: int) -> None:
    for start in range(first, last, 50):
        store.upsert("Fragments", FRAGMENTS[start : min(start + 50, last)])
        store.refresh("Fragments")


def graphs(store: LanceVectorStore) -> dict[str, int]:
    """The rows of each graph, by its name on disk."""
    dataset = store._tables.dataset(store._catalog.resolve("Fragments"))
    rows = {file.fragment_id: file.metadata.physical_rows for file in dataset.get_fragments()}
    return {
        segment.uuid: sum(rows.get(file, 0) for file in segment.fragment_ids)
        for index in dataset.describe_indices()
        if index.field_names == ["vector"]
        for segment in index.segments
    }


def recall(store: LanceVectorStore, rows: int) -> float:
    """The share of the 20 nearest that are found, over twenty queries."""
    queries, found = unit_vectors(20, seed=9), 0
    for query in queries:
        nearest = set(np.argsort(-(MATRIX[:rows] @ query))[:20].tolist())
        hits = store.dense("Fragments", query, where=EVERYTHING, limit=20)
        found += len(nearest & {hit.fragment.ordinal for hit in hits})
    return found / (20 * len(queries))


def test_an_import_builds_complete_graphs_as_it_goes_and_never_again(store: LanceVectorStore) -> None:
    write(store, 0, 1_000)
    first = graphs(store)
    assert first
    assert all(300 <= rows <= 400 for rows in first.values())
    write(store, 1_000, ROWS)
    later = graphs(store)
    assert len(later) > len(first)
    assert later.items() >= first.items()
    assert recall(store, ROWS) >= 0.95


def test_optimising_leaves_no_row_outside_and_complete_graphs_as_they_are(store: LanceVectorStore) -> None:
    write(store, 0, 1_450)
    before = graphs(store)
    report = store.optimise("Fragments")
    assert report.before["rows_outside_graphs"] > 0
    assert report.after["rows_outside_graphs"] == 0
    after = graphs(store)
    assert after.items() >= before.items()
    assert sum(after.values()) == 1_450
    assert recall(store, 1_450) >= 0.95


def test_each_nights_rows_join_the_last_graph_until_it_is_complete(store: LanceVectorStore) -> None:
    write(store, 0, 600)
    store.optimise("Fragments")
    for night in range(600, ROWS, 60):
        write(store, night, min(night + 60, ROWS))
        store.optimise("Fragments")
        assert len(graphs(store)) <= 2 * (night + 60) / 400 + 1
    assert sum(graphs(store).values()) == ROWS


def test_few_new_rows_are_left_to_comparison(store: LanceVectorStore) -> None:
    write(store, 0, 600)
    store.optimise("Fragments")
    before = graphs(store)
    store.upsert("Fragments", FRAGMENTS[600:630])
    assert store.optimise("Fragments").after["rows_outside_graphs"] == 30
    assert graphs(store) == before


def test_a_small_table_has_no_graph(store: LanceVectorStore) -> None:
    write(store, 0, 250)
    assert store.optimise("Fragments").after["vector_graphs"] == 0


def test_a_writer_does_not_wait_for_an_optimisation(store: LanceVectorStore) -> None:
    with store._tables.maintaining(store._catalog.resolve("Fragments")):
        write(store, 0, 1_000)
    assert graphs(store) == {}
    assert store.count("Fragments") == 1_000
    write(store, 1_000, 1_200)
    assert graphs(store)


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


def test_a_purge_builds_them_anew_over_what_is_left(store: LanceVectorStore) -> None:
    write(store, 0, 1_000)
    store.delete("Fragments", [one.id for one in FRAGMENTS[500:1_000]])
    before = graphs(store)
    store.optimise("Fragments", purge=True)
    after = graphs(store)
    assert before.keys() & after.keys() == set()
    assert sum(after.values()) == 500
    assert recall(store, 500) >= 0.95
