"""Several caches behind each other, and one who works for all."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from aethergrid_pipelines.query.levels import JOINED, MADE, Levels
from aethergrid_pipelines.stores.memory_cache import MemoryCache


class Named(MemoryCache):
    def __init__(self, name: str) -> None:
        super().__init__(100_000)
        self.name = name


@pytest.fixture
def near() -> MemoryCache:
    return Named("near")


@pytest.fixture
def far() -> MemoryCache:
    return Named("far")


@pytest.fixture
def levels(near: MemoryCache, far: MemoryCache) -> Levels:
    return Levels("test", [near, far], seconds=60)


def never() -> bytes:
    raise AssertionError("was made although it was there")


def test_what_was_made_is_left_in_every_level(levels: Levels, near: MemoryCache, far: MemoryCache) -> None:
    assert levels.get("a", lambda: b"1") == (b"1", MADE)
    assert levels.get("a", never) == (b"1", "near")
    near.clear()
    assert levels.get("a", never) == (b"1", "far")
    assert levels.get("a", never) == (b"1", "near")
    assert far.get("a") == b"1"


def test_figures_tell_look_ups_and_hits_of_each_level(levels: Levels, near: MemoryCache) -> None:
    levels.get("a", lambda: b"1")
    levels.get("a", never)
    near.clear()
    levels.get("a", never)
    first, second = levels.figures()

    assert (first.level, first.lookups, first.hits) == ("near", 3, 1)
    assert (second.level, second.lookups, second.hits, second.hit_ratio) == ("far", 2, 1, 0.5)
    assert first.p99_ms is not None
    assert first.p50_ms is not None
    assert first.p99_ms >= first.p50_ms >= 0


def test_of_many_that_ask_at_once_one_makes_it(levels: Levels) -> None:
    made: list[int] = []
    all_there = threading.Barrier(50)
    others_wait = threading.Event()

    def make() -> bytes:
        made.append(1)
        assert others_wait.wait(30)
        return b"1"

    def ask() -> tuple[bytes, str]:
        all_there.wait(30)
        return levels.get("a", make)

    with ThreadPoolExecutor(50) as threads:
        asked = [threads.submit(ask) for _ in range(50)]
        while levels.figures()[0].store["joined"] < 49:
            pass
        others_wait.set()
        found = [one.result() for one in asked]

    assert len(made) == 1
    assert sorted(level for _, level in found) == [JOINED] * 49 + [MADE]
    assert {value for value, _ in found} == {b"1"}


def test_who_fails_fails_for_those_that_wait_and_the_next_one_tries_again(levels: Levels) -> None:
    started, waiting = threading.Event(), threading.Event()

    def fail() -> bytes:
        started.set()
        assert waiting.wait(30)
        raise ValueError("down")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(levels.get, "a", fail)
        assert started.wait(30)
        second = threads.submit(levels.get, "a", never)
        while not levels.figures()[0].store["joined"]:
            pass
        waiting.set()
        for one in (first, second):
            with pytest.raises(ValueError, match="down"):
                one.result()

    assert levels.get("a", lambda: b"1") == (b"1", MADE)
