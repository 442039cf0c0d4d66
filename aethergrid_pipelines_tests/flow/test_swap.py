"""Queries while another embedder fills its collection and takes over, and while that is taken back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.query.opening import open_search
from aethergrid_pipelines.query.records import SearchRequest, SearchResponse
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.records.tables import FragmentRow, table_of
from aethergrid_pipelines_tests.flow.contents import put
from aethergrid_pipelines_tests.opened import KINDS, Place, place

OTHER = "all-MiniLM-L6-v2@fp32"
ASKING = 3
TOPICS = ("queue", "migration", "invoice", "parcel", "index", "cache")


class Load:
    """Threads that ask without a pause; what came back, and what was raised."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._stop = threading.Event()
        self.answers: list[SearchResponse] = []
        self.errors: list[BaseException] = []

    def ask(self) -> None:
        while not self._stop.is_set():
            for topic in TOPICS:
                try:
                    self.answers.append(self._search.search(SearchRequest(query=f"What did we say of the {topic}?")))
                except BaseException as error:  # noqa: BLE001  (a thread's failure has to reach the test)
                    self.errors.append(error)

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.ask) for _ in range(ASKING)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def ids_by_embedder(stores: Stores) -> dict[str, set[str]]:
    """The fragments of each collection, by the name of its embedder."""
    rows = table_of(FragmentRow)
    with stores.catalog.reading() as connection:
        ledger = connection.execute(select(rows.c.collection, rows.c.id)).all()
    found: dict[str, set[str]] = {}
    for collection in {row.collection for row in ledger}:
        ids = [row.id for row in ledger if row.collection == collection]
        (embedder,) = {fragment.embedder for fragment in stores.vectors.fetch(collection, ids)}
        found[embedder] = set(ids)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_fails_or_mixes_collections_while_another_embedder_takes_over(kind: str, tmp_path: Path) -> None:
    with place(kind, tmp_path / "home") as there:
        with there.open() as stores:
            for number, topic in enumerate(TOPICS * 3):
                put(stores, f"{topic}-{number}", [f"How is the {topic}?", f"The {topic} is fine, number {number}."])
            materialise_all(stores, Scope(), run_id="first")
            first = stores.embedder.name
        with Place({**there.variables, "EMBEDDING_MODEL": OTHER}).open() as changed:
            load = Load(open_search(changed.settings, changed.vectors, changed.embedder))
            with load.running():
                materialise_all(changed, Scope(), run_id="second")
                with there.open() as back:
                    materialise_all(back, Scope(), run_id="third")
            ids = ids_by_embedder(changed)
            assert changed.vectors.active() is not None
    assert load.errors == []
    assert {answer.stats.embedder for answer in load.answers} == {first, changed.embedder.name} == ids.keys()
    for answer in load.answers:
        hits = {hit.lineage.fragment_id for hit in answer.results}
        assert hits
        assert hits <= ids[str(answer.stats.embedder)]
