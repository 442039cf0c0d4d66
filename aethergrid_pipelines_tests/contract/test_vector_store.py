"""What every vector store promises: collections, writing and reading. Searching is in ``test_vector_search``."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines.stores.vectors import ALIAS, CollectionMissing, DimensionMismatch, VectorStore
from aethergrid_pipelines.stores.weaviate_vectors import WeaviateVectorStore
from aethergrid_pipelines_tests.contract.fragments import EMBEDDER, EVERYTHING, fragment, unit_vectors
from aethergrid_pipelines_tests.contract.vector_stores import STORES, Opened, opened


@pytest.fixture(params=STORES)
def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    address = request.getfixturevalue("weaviate_address") if request.param == "weaviate" else None
    with opened(request.param, tmp_path, address) as store:
        yield store


def found(store: VectorStore, collection: str, *terms: str) -> set[int]:
    hits = store.lexical(collection, terms, where=EVERYTHING, limit=100)
    return {hit.fragment.ordinal for hit in hits}


def test_ensure_is_idempotent_and_keeps_what_is_there(vectors: Opened) -> None:
    name = vectors.collection()
    vectors.store.upsert(name, [fragment(1)])
    assert vectors.collection() == name
    assert vectors.store.count(name) == 1


@pytest.mark.parametrize("other", [{"dimension": 8}, {"embedder": "another"}])
def test_ensure_refuses_another_dimension_or_embedder(vectors: Opened, other: dict[str, object]) -> None:
    name = vectors.collection()
    asked = {"dimension": 16, "embedder": EMBEDDER, **other}
    with pytest.raises(DimensionMismatch):
        vectors.store.ensure(name, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [ALIAS, "lower", "Has space", "Has/slash", "../Up", ""])
def test_a_name_that_is_none_is_refused(vectors: Opened, name: str) -> None:
    with pytest.raises(ValueError, match=r"alias|no name"):
        vectors.store.ensure(name, dimension=16, embedder=EMBEDDER)


def test_nothing_is_active_before_the_first_activation(vectors: Opened) -> None:
    vectors.collection()
    assert vectors.store.active() is None
    with pytest.raises(CollectionMissing):
        vectors.store.count(ALIAS)


def test_activation_switches_what_the_alias_means(vectors: Opened) -> None:
    first, second = vectors.collection("A"), vectors.collection("B", dimension=8, embedder="other")
    vectors.store.upsert(first, [fragment(1)])
    vectors.store.activate(first)
    assert vectors.store.active() == (first, EMBEDDER, 16)
    assert vectors.store.count(ALIAS) == 1
    vectors.store.activate(second)
    assert vectors.store.active() == (second, "other", 8)
    assert vectors.store.count(ALIAS) == 0
    query = unit_vectors(1, dimension=8)[0]
    assert vectors.store.dense(ALIAS, query, where=EVERYTHING, limit=3) == []


def test_only_a_collection_that_exists_can_be_activated(vectors: Opened) -> None:
    with pytest.raises(CollectionMissing):
        vectors.store.activate(f"{vectors.prefix}Nowhere")


def test_the_active_collection_is_not_dropped_and_others_are_for_good(vectors: Opened) -> None:
    first, second = vectors.collection("A"), vectors.collection("B")
    vectors.store.upsert(first, [fragment(1)])
    vectors.store.activate(first)
    with pytest.raises(ValueError, match="active"):
        vectors.store.drop(first)
    assert vectors.store.count(first) == 1
    vectors.store.activate(second)
    vectors.store.drop(first)
    vectors.store.drop(first)
    with pytest.raises(CollectionMissing):
        vectors.store.count(first)
    vectors.collection("A")
    assert vectors.store.count(first) == 0


CALLS: list[Callable[[VectorStore, str], object]] = [
    lambda store, name: store.upsert(name, [fragment(1)]),
    lambda store, name: store.delete(name, [fragment(1).id]),
    lambda store, name: list(store.ids(name)),
    lambda store, name: store.fetch(name, [fragment(1).id]),
    lambda store, name: store.neighbours(name, "conversation-1", 0, 3),
    lambda store, name: store.count(name),
    lambda store, name: store.dense(name, unit_vectors(1)[0], where=EVERYTHING, limit=3),
    lambda store, name: store.lexical(name, ["word"], where=EVERYTHING, limit=3),
    lambda store, name: store.optimise(name),
]


@pytest.mark.parametrize("call", CALLS)
def test_an_unknown_collection_is_reported(vectors: Opened, call: Callable[[VectorStore, str], object]) -> None:
    with pytest.raises(CollectionMissing):
        call(vectors.store, f"{vectors.prefix}Nowhere")


def test_every_field_comes_back_as_it_was(vectors: Opened) -> None:
    name = vectors.collection()
    full = fragment(1, content="«quotes» \\ 'and' \"more\"\n\n東京 🙂", complexity=0.1)
    full = full.model_copy(update={"surroundings": "AAEC/w==", "traits": "question name"})
    bare = fragment(2, speaker=None, source_model=None, title=None, origin_line=None)
    empty = fragment(3, speaker="", source_model="", title="")
    vectors.store.upsert(name, [full, bare, empty])
    first, second, third = vectors.store.fetch(name, [full.id, bare.id, empty.id], with_vectors=True)
    assert first.payload() == full.payload()
    assert second.payload() == bare.payload()
    assert (third.speaker, third.source_model, third.title) == (None, None, None)
    assert np.array_equal(np.asarray(first.vector, np.float32), np.asarray(full.vector, np.float32))
    assert first.timestamp.microsecond == 123456
    assert vectors.store.fetch(name, [full.id])[0].vector == []


def test_what_is_written_is_found_at_once_and_replaced_by_id(vectors: Opened) -> None:
    name = vectors.collection()
    vectors.store.upsert(name, [fragment(1, terms="before"), fragment(2, terms="other")])
    assert found(vectors.store, name, "before") == {1}
    vectors.store.upsert(name, [fragment(1, terms="after", vector=unit_vectors(1, seed=99)[0].tolist())])
    assert found(vectors.store, name, "before") == set()
    assert found(vectors.store, name, "after") == {1}
    assert vectors.store.count(name) == 2
    nearest = vectors.store.dense(name, unit_vectors(1, seed=99)[0], where=EVERYTHING, limit=1)
    assert nearest[0].fragment.ordinal == 1
    assert nearest[0].score == pytest.approx(1.0, abs=1e-5)


def test_of_one_id_given_twice_the_last_is_kept(vectors: Opened) -> None:
    name = vectors.collection()
    vectors.store.upsert(name, [fragment(1, terms="early"), fragment(1, terms="late")])
    assert vectors.store.count(name) == 1
    assert (found(vectors.store, name, "early"), found(vectors.store, name, "late")) == (set(), {1})


def test_a_vector_of_another_dimension_is_refused_before_anything_is_written(vectors: Opened) -> None:
    name = vectors.collection()
    with pytest.raises(DimensionMismatch, match=fragment(2).id):
        vectors.store.upsert(name, [fragment(1), fragment(2, vector=[1.0, 0.0])])
    assert vectors.store.count(name) == 0


def test_deleting_takes_ids_that_are_there_and_ignores_others(vectors: Opened) -> None:
    name = vectors.collection()
    vectors.store.upsert(name, [fragment(number) for number in range(5)])
    vectors.store.delete(name, [fragment(1).id, fragment(3).id, fragment(77).id, "no' OR '1'='1"])
    assert {one.ordinal for one in vectors.store.fetch(name, [fragment(n).id for n in range(5)])} == {0, 2, 4}
    assert found(vectors.store, name, "shared") == {0, 2, 4}
    vectors.store.delete(name, [])
    assert vectors.store.count(name) == 3


def test_what_is_written_instead_of_others_takes_their_place(vectors: Opened) -> None:
    name = vectors.collection()
    vectors.store.upsert(name, [fragment(number, terms="before") for number in range(4)])
    gone = [fragment(0).id, fragment(1).id, fragment(77).id, "no' OR '1'='1"]
    # One that is written is there, whatever else it was named for.
    vectors.store.upsert(name, [fragment(1, terms="after"), fragment(5, terms="after")], instead_of=gone)
    assert found(vectors.store, name, "after") == {1, 5}
    assert found(vectors.store, name, "before") == {2, 3}
    vectors.store.upsert(name, [], instead_of=[fragment(2).id])
    assert set(vectors.store.ids(name)) == {fragment(number).id for number in (1, 3, 5)}


def test_ids_of_all_or_of_some_conversations(vectors: Opened) -> None:
    name = vectors.collection()
    odd = 'it\'s "odd" \\'
    rows = [fragment(n, conversation_id=("a", "b", odd)[n % 3]) for n in range(9)]
    vectors.store.upsert(name, rows)
    assert sorted(vectors.store.ids(name)) == sorted(row.id for row in rows)
    some = vectors.store.ids(name, conversation_ids=["b", odd, "absent"])
    assert sorted(some) == sorted(row.id for row in rows if row.conversation_id != "a")
    assert list(vectors.store.ids(name, conversation_ids=[])) == []


def test_fetch_keeps_the_order_asked_for(vectors: Opened) -> None:
    name = vectors.collection()
    vectors.store.upsert(name, [fragment(number) for number in range(6)])
    asked = [4, 0, 99, 5, 2]
    rows = vectors.store.fetch(name, [*(fragment(number).id for number in asked), "not an id"])
    assert [row.ordinal for row in rows] == [4, 0, 5, 2]


def test_neighbours_are_of_one_conversation_in_order_and_inclusive(vectors: Opened) -> None:
    name = vectors.collection()
    mine = [fragment(number) for number in (7, 3, 5, 4, 6)]
    other = [fragment(100 + n, ordinal=n, conversation_id="conversation-2") for n in range(10)]
    vectors.store.upsert(name, [*mine, *other])
    rows = vectors.store.neighbours(name, "conversation-1", 4, 6)
    assert [(row.ordinal, row.conversation_id) for row in rows] == [(n, "conversation-1") for n in (4, 5, 6)]
    assert vectors.store.neighbours(name, "conversation-3", 0, 9) == []


def test_five_thousand_fragments_go_in_by_batches_and_all_come_out(vectors: Opened) -> None:
    name = vectors.collection()
    rows = [fragment(n, conversation_id=f"c{n // 100}") for n in range(5_000)]
    for start in range(0, len(rows), 1_000):
        vectors.store.upsert(name, rows[start : start + 1_000])
    assert vectors.store.count(name) == 5_000
    assert set(vectors.store.ids(name)) == {row.id for row in rows}
    assert len(list(vectors.store.ids(name, conversation_ids=[f"c{n}" for n in range(50)]))) == 5_000
    assert [row.ordinal for row in vectors.store.fetch(name, [row.id for row in rows])] == list(range(5_000))
    vectors.store.delete(name, [row.id for row in rows[:2_500]])
    assert vectors.store.count(name) == 2_500


def test_two_writers_at_once_lose_and_double_nothing(vectors: Opened) -> None:
    name = vectors.collection()
    errors: list[BaseException] = []

    def write(numbers: range) -> None:
        try:
            for start in numbers[::10]:
                vectors.store.upsert(name, [fragment(number) for number in range(start, start + 15)])
        except BaseException as error:  # noqa: BLE001  (a thread's failure has to reach the test)
            errors.append(error)

    threads = [threading.Thread(target=write, args=(numbers,)) for numbers in (range(100), range(50, 150))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    ids = list(vectors.store.ids(name))
    assert len(ids) == len(set(ids)) == vectors.store.count(name) == 155


@pytest.mark.parametrize("purge", [False, True])
def test_after_optimising_everything_is_still_found(vectors: Opened, purge: bool) -> None:
    name = vectors.collection()
    for start in range(0, 60, 10):
        vectors.store.upsert(name, [fragment(number) for number in range(start, start + 10)])
        vectors.store.refresh(name)
    vectors.store.delete(name, [fragment(5).id])
    report = vectors.store.optimise(name, purge=purge)
    assert report.before["rows"] == report.after["rows"] == 59
    assert found(vectors.store, name, "shared") == set(range(60)) - {5}
    vectors.store.upsert(name, [fragment(60)])
    assert found(vectors.store, name, "word60") == {60}
    nearest = vectors.store.dense(name, unit_vectors(1, seed=30)[0], where=EVERYTHING, limit=1)
    assert nearest[0].fragment.ordinal == 30


def test_a_store_says_what_it_is_and_answers(vectors: Opened) -> None:
    vectors.store.ping()
    assert {"name", "version"} <= set(vectors.store.info())


UNREACHABLE: list[Callable[[VectorStore], object]] = [
    lambda store: store.ping(),
    lambda store: store.active(),
    lambda store: store.ensure("Some", dimension=16, embedder=EMBEDDER),
    lambda store: store.activate("Some"),
    lambda store: store.drop("Some"),
    *(lambda store, call=call: call(store, "Some") for call in CALLS),
]


@pytest.mark.parametrize("call", UNREACHABLE)
def test_a_server_that_is_down_is_named(call: Callable[[VectorStore], object]) -> None:
    store = WeaviateVectorStore("http://127.0.0.1:9", 10, None)
    with pytest.raises(StoreUnavailable, match=r"http://127\.0\.0\.1:9"):
        call(store)


@pytest.mark.parametrize("call", UNREACHABLE)
def test_a_folder_that_cannot_be_one_is_named(call: Callable[[VectorStore], object], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreUnavailable, match="file"):
        call(LanceVectorStore(tmp_path / "file" / "vectors"))
