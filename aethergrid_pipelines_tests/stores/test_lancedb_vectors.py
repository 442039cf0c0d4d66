"""What only the embedded vector store promises: nothing deleted stays in its files, and processes share its folder.

Weaviate's files are the server's: it drops deleted text when it compacts them, which nobody can ask for; its
``optimise(purge=True)`` says so in the notes and names the way to be sure, a new collection.
"""

import multiprocessing
import threading
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.stores import lancedb_segments, lancedb_upkeep
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines_tests.contract.fragments import EMBEDDER, EVERYTHING, fragment, unit_vectors

ALL: dict[str, Any] = {"where": EVERYTHING, "limit": 240}
SECRETS = {"content": "Limpopo", "terms": "zanzibar", "speaker": "Okavango", "title": "Serengeti"}


@pytest.fixture
def store(tmp_path: Path) -> LanceVectorStore:
    opened = LanceVectorStore(tmp_path / "vectors")
    opened.ensure("Fragments", dimension=16, embedder=EMBEDDER)
    return opened


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def holding(folder: Path, word: str) -> list[Path]:
    return [path for path in files(folder) if word.encode() in path.read_bytes()]


def test_a_purge_leaves_nothing_of_what_was_deleted(store: LanceVectorStore, tmp_path: Path) -> None:
    """Files may be compressed, so that no byte is found and the text is still there: hence every file is a new one."""
    store.upsert("Fragments", [fragment(number) for number in range(300)])
    store.upsert("Fragments", [fragment(300, **SECRETS)])
    store.optimise("Fragments")
    store.delete("Fragments", [fragment(300).id])
    assert all(holding(tmp_path, SECRETS[name]) for name in ("content", "title"))
    before = files(tmp_path / "vectors")
    report = store.optimise("Fragments", purge=True)
    assert report.after["versions"] == 1
    assert [word for word in (*SECRETS.values(), fragment(300).id) if holding(tmp_path, word)] == []
    kept = {path.name for path in before & files(tmp_path / "vectors")}
    assert {name for name in kept if not name.endswith(".lock")} <= {"collections.json", "latest_version_hint.json"}
    assert store.count("Fragments") == 300


def test_a_purge_also_takes_what_was_replaced(store: LanceVectorStore, tmp_path: Path) -> None:
    store.upsert("Fragments", [fragment(1, **SECRETS), fragment(2)])
    assert holding(tmp_path, SECRETS["content"])
    store.upsert("Fragments", [fragment(1)])
    store.optimise("Fragments", purge=True)
    assert [word for word in SECRETS.values() if holding(tmp_path, word)] == []


def test_a_dropped_collection_leaves_no_table(store: LanceVectorStore, tmp_path: Path) -> None:
    store.upsert("Fragments", [fragment(1, **SECRETS)])
    store.drop("Fragments")
    assert [word for word in SECRETS.values() if holding(tmp_path, word)] == []


def _follow(folder: Path, written: Event, seen: "multiprocessing.Queue[list[int]]") -> None:
    reader = LanceVectorStore(folder)
    for _ in range(2):
        hits = reader.lexical("Fragments", ["shared"], where=EVERYTHING, limit=50)
        seen.put(sorted(hit.fragment.ordinal for hit in hits))
        written.wait(60)


def _write(folder: Path, numbers: range) -> None:
    writer = LanceVectorStore(folder)
    for start in numbers[::5]:
        writer.upsert("Fragments", [fragment(number) for number in range(start, start + 10)])


def test_a_reader_in_another_process_sees_each_write_and_switch(store: LanceVectorStore, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    written, seen = spawn.Event(), spawn.Queue()
    store.upsert("Fragments", [fragment(1)])
    reader = spawn.Process(target=_follow, args=(tmp_path / "vectors", written, seen))
    reader.start()
    assert seen.get(timeout=60) == [1]
    store.upsert("Fragments", [fragment(2)])
    written.set()
    assert seen.get(timeout=60) == [1, 2]
    reader.join(60)
    assert reader.exitcode == 0


def test_two_processes_write_the_same_ids_once(store: LanceVectorStore, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    parts = [range(50), range(25, 75)]
    writers = [spawn.Process(target=_write, args=(tmp_path / "vectors", numbers)) for numbers in parts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0]
    ids = list(store.ids("Fragments"))
    assert len(ids) == len(set(ids)) == 80


def test_readers_and_writers_survive_purges(store: LanceVectorStore) -> None:
    store.upsert("Fragments", [fragment(number) for number in range(100)])
    errors: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                assert store.count("Fragments") >= 100
                hits = store.lexical("Fragments", ["word7"], where=EVERYTHING, limit=5)
                assert [hit.fragment.ordinal for hit in hits] == [7]
                assert store.dense("Fragments", unit_vectors(1)[0], where=EVERYTHING, limit=5)
        except BaseException as error:  # noqa: BLE001  (a thread's failure has to reach the test)
            errors.append(error)

    def write() -> None:
        try:
            for number in range(100, 130):
                store.upsert("Fragments", [fragment(number)])
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    reader, writer = threading.Thread(target=read), threading.Thread(target=write)
    reader.start()
    writer.start()
    for _ in range(5):
        store.optimise("Fragments", purge=True)
        store.optimise("Fragments")
    writer.join()
    stop.set()
    reader.join()
    assert errors == []
    assert store.count("Fragments") == 130


def test_optimising_adds_new_rows_to_the_indexes_and_joins_files(store: LanceVectorStore) -> None:
    for number in range(20):
        store.upsert("Fragments", [fragment(number)])
    report = store.optimise("Fragments")
    assert (report.before["data_files"], report.before["unindexed_rows"]) == (20, 20)
    assert (report.after["data_files"], report.after["unindexed_rows"]) == (1, 0)


@pytest.mark.parametrize("limit", ["DATA_FILES", "UNINDEXED_ROWS"])
def test_a_writer_refreshes_when_enough_has_come_together(
    store: LanceVectorStore, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(lancedb_upkeep, "FEW_UNINDEXED_ROWS", 5)
    monkeypatch.setattr(lancedb_upkeep, limit, 5)
    refreshed = []
    for number in range(12):
        store.upsert("Fragments", [fragment(number)])
        refreshed.append(store.refresh("Fragments"))
    assert next(number for number, done in enumerate(refreshed) if done) == 5
    assert 1 < sum(refreshed) < 5
    assert store.optimise("Fragments").before["data_files"] < 12
    assert store.count("Fragments") == 12


def test_a_large_table_is_refreshed_no_more_often_than_a_small_one(
    store: LanceVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lancedb_segments, "SEGMENT_ROWS", 10)
    for limit, value in (("UNINDEXED_ROWS", 8), ("FEW_UNINDEXED_ROWS", 2), ("DATA_FILES", 4)):
        monkeypatch.setattr(lancedb_upkeep, limit, value)
    refreshed = []
    for number in range(120):
        store.upsert("Fragments", [fragment(number)])
        refreshed.append(store.refresh("Fragments"))
    # Complete segments leave small files behind, which nobody merges any more.
    assert store.optimise("Fragments").before["data_files"] > 10
    assert 0 < sum(refreshed[80:]) <= sum(refreshed[:40])


def test_rows_that_come_a_few_at_a_time_are_indexed_when_their_files_become_one(
    store: LanceVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lancedb_upkeep, "DATA_FILES", 5)
    unindexed = []
    for few in (100, 3):
        monkeypatch.setattr(lancedb_upkeep, "FEW_UNINDEXED_ROWS", few)
        for number in range(6):
            store.upsert("Fragments", [fragment(number)])
        assert store.refresh("Fragments")
        unindexed.append(store.optimise("Fragments").before["unindexed_rows"])
    assert unindexed == [6, 0]


def test_a_segment_is_written_again_only_for_new_rows_that_are_not_much_fewer(
    store: LanceVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("UNINDEXED_ROWS", "FEW_UNINDEXED_ROWS"):
        monkeypatch.setattr(lancedb_upkeep, limit, 5)
    segments = []
    for start in range(0, 120, 10):
        store.upsert("Fragments", [fragment(number) for number in range(start, start + 10)])
        store.refresh("Fragments")
        table = store._tables.open(store._catalog.resolve("Fragments"))
        segments.append(max(index.num_segments or 1 for index in table.list_indices()))
    # 10, 20, 30, 30 + 10, 50, 50 + 10, 50 + 20, 80, …
    assert segments[:8] == [1, 1, 1, 2, 1, 2, 2, 1]
    assert max(segments) <= 3


def test_segments_stop_growing_and_score_together_as_one_index_would(
    store: LanceVectorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [fragment(n, terms=f"shared {'rare ' * (n % 5)}{'other ' * (n % 7)}") for n in range(240)]
    whole = LanceVectorStore(tmp_path / "whole")
    whole.ensure("Fragments", dimension=16, embedder=EMBEDDER)
    whole.upsert("Fragments", rows)
    whole.optimise("Fragments")
    for limit in ("UNINDEXED_ROWS", "FEW_UNINDEXED_ROWS"):
        monkeypatch.setattr(lancedb_upkeep, limit, 5)
    monkeypatch.setattr(lancedb_segments, "SEGMENT_ROWS", 40)
    for start in range(0, 240, 10):
        store.upsert("Fragments", rows[start : start + 10])
        assert store.refresh("Fragments")
    dataset = store._tables.dataset(store._catalog.resolve("Fragments"))
    segments = {index.field_names[0]: len(index.segments) for index in dataset.describe_indices()}
    assert segments["id"] == segments["conversation_id"] <= 4 < 240 / 40 - 1 <= segments["terms"]
    store.delete("Fragments", [row.id for row in rows[:30]])
    whole.delete("Fragments", [row.id for row in rows[:30]])

    figures = store.optimise("Fragments").after
    assert figures["index_segments"] >= 240 / 40 - 1
    assert figures["data_files"] <= 2.5 * 240 / 40
    found, expected = (
        {hit.fragment.id: hit.score for hit in one.lexical("Fragments", ["rare", "other"], **ALL)}
        for one in (store, whole)
    )
    assert len(found) > 150
    assert found == pytest.approx(expected, rel=0.05)


def test_a_table_that_an_interrupted_call_left_out_is_made_up_for(store: LanceVectorStore) -> None:
    store._tables.drop(store._catalog.resolve("Fragments"))
    store.ensure("Fragments", dimension=16, embedder=EMBEDDER)
    store.upsert("Fragments", [fragment(1)])
    assert store.count("Fragments") == 1
