"""Candidates of a table of very many rows, of which only what ranking reads is read before anything is shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.stores import lancedb_candidates
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines.stores.vectors import Candidates
from aethergrid_pipelines_tests.contract.fragments import DIMENSION, EMBEDDER, EVERYTHING, fragment, unit_vectors

NAME = "Fragments"
ROWS = [fragment(number, terms="shared") for number in range(5)]
ASKED = [ROWS[number].id for number in (4, 3, 0, 2)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LanceVectorStore]:
    monkeypatch.setattr(lancedb_candidates, "READ_AT_ONCE", 0)
    opened = LanceVectorStore(tmp_path / "vectors")
    opened.ensure(NAME, dimension=DIMENSION, embedder=EMBEDDER)
    opened.upsert(NAME, ROWS)
    yield opened
    opened.close()


def candidates(store: LanceVectorStore) -> Candidates:
    return store.candidates(NAME, unit_vectors(1)[0], ["shared"], where=EVERYTHING, limit=5)


def test_those_that_are_shown_are_whole_and_in_the_order_that_was_asked_for(store: LanceVectorStore) -> None:
    found = candidates(store)

    assert {one.id: one.content for one in found.found} == {row.id: row.content for row in ROWS}
    assert found.whole(ASKED) == store.fetch(NAME, ASKED)
    assert [one.id for one in found.whole(ASKED)] == ASKED


def test_one_that_was_deleted_since_is_shown_as_it_was(store: LanceVectorStore) -> None:
    found, before = candidates(store), store.fetch(NAME, ASKED)
    store.delete(NAME, ASKED[:1])

    assert found.whole(ASKED) == before


def test_one_that_was_purged_since_is_left_out(store: LanceVectorStore) -> None:
    found, before = candidates(store), store.fetch(NAME, ASKED)
    store.delete(NAME, ASKED[:1])
    store.optimise(NAME, purge=True)

    assert found.whole(ASKED) == before[1:]
