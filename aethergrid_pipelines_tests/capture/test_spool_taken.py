"""Waiting for the spool without a thread."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.capture.spool_writer import SpoolUnavailable
from aethergrid_pipelines.stores.conversations import Appended, ConversationStore
from aethergrid_pipelines_tests.capture.spooling import Gate, said, wait_until
from aethergrid_pipelines_tests.contract.conversations import contents


class Slow(Gate):
    """A store that answers when it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.go = threading.Event()

    def __call__(self) -> ConversationStore:
        self.go.wait()
        return super().__call__()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    found = Slow(tmp_path / "conversations.db")
    yield found
    found.store.close()


@pytest.fixture
def spool(tmp_path: Path, slow: Slow) -> Iterator[Spool]:
    found = Spool(tmp_path / "spool", slow, max_mb=8)
    yield found
    slow.go.set()
    found.close()


def line(spool: Spool, number: int, content: str | None = None) -> bytes:
    return spool.line(*said("c", number, content), time.time())[0]


def test_many_at_once_are_told_what_became_of_theirs(spool: Spool, slow: Slow) -> None:
    slow.go.set()

    async def all_of_them() -> list[list[Appended | None] | None]:
        lines = [line(spool, number) for number in [*range(50), 0]]
        return await asyncio.gather(*(spool.taken([one], 30.0) for one in lines))

    outcomes = asyncio.run(all_of_them())
    assert outcomes == [[Appended.STORED]] * 50 + [[Appended.UNCHANGED]]


def test_who_waited_long_enough_knows_only_that_it_is_durable(spool: Spool, slow: Slow, tmp_path: Path) -> None:
    assert asyncio.run(spool.taken([line(spool, 0)], 0.05)) is None
    assert any(path.stat().st_size > 100 for path in (tmp_path / "spool").glob("*.spool"))
    slow.go.set()
    owner, _ = said("c", 0)
    wait_until(lambda: contents(slow.store, owner) == ["c 0"])


def test_who_is_gone_by_then_stops_nobody(spool: Spool, slow: Slow) -> None:
    async def impatient() -> None:
        waiting = asyncio.create_task(spool.taken([line(spool, 0)], 30.0))
        await asyncio.sleep(0.05)
        waiting.cancel()

    asyncio.run(impatient())
    slow.go.set()
    assert asyncio.run(spool.taken([line(spool, 1)], 30.0)) == [Appended.STORED]


def test_a_spool_that_is_full_says_so(spool: Spool) -> None:
    async def fill() -> None:
        for number in range(20):
            await spool.taken([line(spool, number, "x" * 1_000_000)], 0.01)

    with pytest.raises(SpoolUnavailable, match="SPOOL_MAX_MB"):
        asyncio.run(fill())
