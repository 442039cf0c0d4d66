import time
from collections.abc import Iterator
from threading import Event, get_ident

import pytest

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.flow.upkeep import Upkeep
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines_tests.flow.contents import everything, put

PATIENCE = 30.0


@pytest.fixture
def upkeep() -> Iterator[Upkeep]:
    opened = Upkeep()
    yield opened
    opened.close()


def test_it_is_done_by_the_thread_that_wrote(upkeep: Upkeep, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(stores.vectors, "refresh", lambda _: threads.append(get_ident()))
    upkeep.wrote(stores.vectors, "Fragments")
    assert threads == [get_ident()]


def test_beside_others_nobody_waits_for_it_and_one_at_a_time_is_enough(
    upkeep: Upkeep, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, let_go, done = Event(), Event(), []

    def refresh(collection: str) -> bool:
        begun.set()
        assert let_go.wait(PATIENCE)
        done.append(get_ident())
        return True

    monkeypatch.setattr(stores.vectors, "refresh", refresh)
    upkeep.beside()
    for _ in range(3):
        upkeep.wrote(stores.vectors, "Fragments")
    assert begun.wait(PATIENCE)
    assert not done
    let_go.set()
    upkeep.close()
    assert len(done) == 1
    assert done != [get_ident()]


def test_what_went_wrong_beside_the_next_writer_is_told_once(
    upkeep: Upkeep, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    def refresh(collection: str) -> bool:
        called.append(collection)
        if len(called) == 1:
            raise StoreUnavailable("the disk is full")
        return False

    def write(times: int) -> None:
        for _ in range(times):
            upkeep.wrote(stores.vectors, "Fragments")
            time.sleep(0.001)

    monkeypatch.setattr(stores.vectors, "refresh", refresh)
    upkeep.beside()
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        write(10_000)
    write(10)
    assert len(called) > 1


def test_a_flow_with_its_upkeep_beside_it_writes_the_same(stores: Stores) -> None:
    stores.upkeep.beside()
    for number in range(3):
        put(stores, "talk", [f"Question {n}?" for n in range(number + 1)])
        materialise_all(stores, Scope(), run_id="beside")
    active = stores.vectors.active()
    assert active
    assert stores.vectors.count(active[0]) == 3
    assert len(everything(stores)["chunks"]) == 3
