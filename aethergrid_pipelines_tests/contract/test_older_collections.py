"""A collection that an older version made is read as it is, and takes new fields once it is written to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.stores import weaviate_schema
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines_tests.contract.fragments import DIMENSION, EMBEDDER, EVERYTHING, fragment, unit_vectors
from aethergrid_pipelines_tests.contract.vector_stores import STORES, Opened, opened

ADDED = ("surroundings", "traits")


@pytest.fixture(params=STORES)
def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    address = request.getfixturevalue("weaviate_address") if request.param == "weaviate" else None
    with opened(request.param, tmp_path, address) as store:
        yield store


def older(vectors: Opened, monkeypatch: pytest.MonkeyPatch) -> str:
    """A collection without the fields in ADDED, with one fragment."""
    with monkeypatch.context() as then:
        known = {name: field for name, field in weaviate_schema.PROPERTIES.items() if field not in ADDED}
        then.setattr(weaviate_schema, "PROPERTIES", known)
        name = vectors.collection()
        vectors.store.upsert(name, [fragment(1)])
    if isinstance(vectors.store, LanceVectorStore):
        entry = vectors.store._catalog.resolve(name)
        vectors.store._tables.open(entry).drop_columns(list(ADDED))
        vectors.store._ensured.clear()  # that was another process, of the older version
    return name


def test_an_older_collection_is_searched_as_it_is(vectors: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    name = older(vectors, monkeypatch)
    store, vector = vectors.store, unit_vectors(1)[0]
    found = [
        store.dense(name, vector, where=EVERYTHING, limit=3)[0].fragment,
        store.lexical(name, ["shared"], where=EVERYTHING, limit=3)[0].fragment,
        *store.fetch(name, [fragment(1).id]),
        *store.neighbours(name, "conversation-1", 0, 9),
    ]
    assert found == [fragment(1, vector=[])] * 4


def test_an_older_collection_takes_new_fields(vectors: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    name = older(vectors, monkeypatch)
    for _ in range(2):
        vectors.store.ensure(name, dimension=DIMENSION, embedder=EMBEDDER)
    new = fragment(2, surroundings="AAAA", traits="question name")
    vectors.store.upsert(name, [new])
    assert vectors.store.fetch(name, [fragment(1).id, new.id], with_vectors=False) == [
        fragment(1, vector=[]),
        new.model_copy(update={"vector": []}),
    ]
