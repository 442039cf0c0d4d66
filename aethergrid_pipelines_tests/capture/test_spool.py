"""What the spool promises: durable when acknowledged, stored in order and once, whatever the store does."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.capture.spool_lines import DamagedLine, MessageTooLarge, decode, encode
from aethergrid_pipelines.capture.spool_writer import SpoolUnavailable
from aethergrid_pipelines.stores.conversations import Appended
from aethergrid_pipelines_tests.capture.spooling import Gate, said, wait_until
from aethergrid_pipelines_tests.contract.conversations import contents, conversation, message

Open = Callable[..., Spool]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "conversations.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def opened(folder: Path, gate: Gate) -> Iterator[Open]:
    spools: list[Spool] = []

    def open_one(**given: object) -> Spool:
        spools.append(Spool(folder, gate, **given))  # type: ignore[arg-type]
        return spools[-1]

    yield open_one
    for spool in spools:
        spool.close()


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def test_what_is_spooled_is_stored_and_the_outcome_told(opened: Open, gate: Gate) -> None:
    spool = opened()

    first = spool.append([said("c", 0), said("c", 1)])
    again = spool.append([said("c", 1), said("c", 0, "edited")])

    assert spool.outcomes(first, 30) == [Appended.STORED, Appended.STORED]
    assert spool.outcomes(again, 30) == [Appended.UNCHANGED, Appended.UPDATED]
    assert contents(gate.store, conversation("c")) == ["edited", "c 1"]


def test_a_store_that_is_down_all_the_time_gets_everything_afterwards_in_order_and_once(
    opened: Open, gate: Gate, folder: Path
) -> None:
    gate.down = True
    spool = opened()
    for number in range(300):
        ticket = spool.append([said("c", number), said("edited", 0, f"version {number}")])
        assert spool.outcomes(ticket, 5) is None
    waiting = spool.backlog()
    gate.down = False
    wait_until(lambda: spool.backlog().records == 0)

    assert (waiting.records, waiting.bytes > 60_000) == (600, True)
    assert waiting.oldest_at is not None
    assert contents(gate.store, conversation("c")) == [f"c {number}" for number in range(300)]
    assert contents(gate.store, conversation("edited")) == ["version 299"]


def test_a_store_that_fails_now_and_then_misses_nothing(opened: Open, gate: Gate) -> None:
    spool = opened()
    for number in range(200):
        gate.down = number % 20 in {3, 4, 5}
        spool.append([said("c", number)])
    gate.down = False
    wait_until(lambda: spool.backlog().records == 0)

    assert contents(gate.store, conversation("c")) == [f"c {number}" for number in range(200)]


def test_what_a_process_left_is_stored_before_anything_new(opened: Open, gate: Gate, folder: Path) -> None:
    gate.down = True
    earlier = opened()
    earlier.append([said("c", 0, "old")])
    earlier.close()
    assert len(segments(folder)) == 1

    later = opened()
    later.append([said("c", 0, "new")])
    gate.down = False
    wait_until(lambda: later.backlog().records == 0)

    assert contents(gate.store, conversation("c")) == ["new"]


def test_stored_segments_do_not_stay(opened: Open, folder: Path) -> None:
    spool = opened()
    spool.append([said("c", 0)])
    wait_until(lambda: segments(folder) == [])

    spool.append([said("c", 1)])
    spool.close()
    locks = {"drain.lock", "join.lock", "storing.lock"}
    assert [path.name for path in folder.iterdir() if path.name not in locks] == []


def test_nobody_else_may_read_the_spool(opened: Open, gate: Gate, folder: Path) -> None:
    gate.down = True
    opened().append([said("c", 0)])

    assert folder.stat().st_mode & 0o077 == 0
    assert [path.stat().st_mode & 0o077 for path in segments(folder)] == [0]


@pytest.mark.parametrize("missing", [1, 2, 40, -1])
def test_a_torn_last_record_is_dropped_and_those_before_it_stored(
    opened: Open, gate: Gate, folder: Path, missing: int
) -> None:
    gate.down = True
    spool = opened()
    spool.append([said("c", number) for number in range(5)])
    spool.close()
    [segment] = segments(folder)
    whole = segment.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    cut = missing if missing > 0 else last - 1
    segment.write_bytes(whole[:-cut])

    gate.down = False
    spool = opened()
    wait_until(lambda: segments(folder) == [])

    assert contents(gate.store, conversation("c")) == [f"c {number}" for number in range(4)]
    assert spool.backlog().refused == 0


def test_a_damaged_record_is_set_aside_and_the_others_stored(opened: Open, gate: Gate, folder: Path) -> None:
    gate.down = True
    spool = opened()
    spool.append([said("c", number) for number in range(5)])
    spool.close()
    [segment] = segments(folder)
    segment.write_bytes(segment.read_bytes().replace(b"c 2", b"c X"))

    gate.down = False
    spool = opened()
    wait_until(lambda: segments(folder) == [])

    assert contents(gate.store, conversation("c")) == ["c 0", "c 1", "c 3", "c 4"]
    assert spool.backlog().refused == 1
    assert "c X" in (folder / "refused.jsonl").read_text()


def test_a_message_that_the_store_refuses_does_not_hold_up_the_others(opened: Open, gate: Gate, folder: Path) -> None:
    owner, sound = said("c", 1)
    zoneless = message(owner, "0", "when?", timestamp=sound.timestamp.replace(tzinfo=None))
    spool = opened()

    ticket = spool.append([(owner, zoneless), (owner, sound)])

    assert spool.outcomes(ticket, 30) == [None, Appended.STORED]
    assert spool.backlog().refused == 1
    assert "without a time zone" in (folder / "refused.jsonl").read_text()


def test_a_forgotten_conversation_does_not_come_back_from_the_spool(opened: Open, gate: Gate) -> None:
    spool = opened()
    spool.outcomes(spool.append([said("c", 0)]), 30)
    gate.down = True
    spool.append([said("c", 1)])
    gate.store.forget(conversation("c").id)
    gate.down = False
    wait_until(lambda: spool.backlog().records == 0)

    assert list(gate.store.states()) == []


def test_a_full_spool_refuses_and_keeps_what_it_has(opened: Open, gate: Gate) -> None:
    gate.down = True
    spool = opened(max_mb=1)
    refusals: list[str] = []
    for number in range(30):
        try:
            spool.append([said("c", number, f"{number} " + "word " * 20_000)])
        except SpoolUnavailable as error:
            refusals.append(str(error))
    taken = 30 - len(refusals)
    gate.down = False
    wait_until(lambda: spool.backlog().records == 0)
    spool.outcomes(spool.append([said("c", 99, "room again")]), 30)

    numbers = [text.split()[0] for text in contents(gate.store, conversation("c"))]
    assert numbers == [*map(str, range(taken)), "room"]
    assert 5 < taken < 11
    assert "SPOOL_MAX_MB=1" in refusals[0]


def test_a_full_spool_may_drop_what_waited_longest_and_says_how_much(opened: Open, gate: Gate) -> None:
    gate.down = True
    spool = opened(max_mb=1, when_full="drop-oldest")
    for number in range(30):
        spool.append([said("c", number, f"{number} " + "word " * 20_000)])
    waiting = spool.backlog()
    gate.down = False
    wait_until(lambda: spool.backlog().records == 0)

    kept = [int(text.split()[0]) for text in contents(gate.store, conversation("c"))]
    assert kept == list(range(30))[-len(kept) :]
    assert 5 < len(kept) < 11
    assert (waiting.records, waiting.dropped) == (len(kept), 30 - len(kept))


def test_a_record_beyond_the_whole_budget_drops_nothing(opened: Open, gate: Gate) -> None:
    gate.down = True
    spool = opened(max_mb=1, when_full="drop-oldest")
    spool.append([said("c", 0)])

    with pytest.raises(SpoolUnavailable):
        spool.append([said("c", 1, "x" * 2_000_000)])

    assert (spool.backlog().records, spool.backlog().dropped) == (1, 0)


def test_all_who_wait_share_one_sync(opened: Open, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.down = True
    spool = opened()
    syncs: list[int] = []

    def slow(descriptor: int) -> None:
        syncs.append(descriptor)
        time.sleep(0.2)

    monkeypatch.setattr(os, "fdatasync", slow)
    threads = [threading.Thread(target=spool.append, args=([said("c", number)],)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert spool.backlog().records == 20
    assert len(syncs) < 10


def test_a_sync_that_fails_acknowledges_nothing_and_the_next_one_may_succeed(
    opened: Open, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened()
    spool.append([said("c", 0)])

    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", broken)
        with pytest.raises(SpoolUnavailable, match="Input/output error"):
            spool.append([said("c", 1)])
    spool.outcomes(spool.append([said("c", 2)]), 30)

    assert contents(gate.store, conversation("c")) == ["c 0", "c 2"]


def test_a_closed_spool_takes_nothing(opened: Open) -> None:
    spool = opened()
    spool.close()

    with pytest.raises(SpoolUnavailable):
        spool.append([said("c", 0)])


def test_a_spool_that_cannot_be_made_says_so(folder: Path, gate: Gate) -> None:
    folder.write_text("a file where the folder should be")

    with pytest.raises(SpoolUnavailable, match="spool"):
        Spool(folder, gate)


@pytest.mark.parametrize("content", ["plain", "two\nlines\r\n", "naïve 🚀 \u2028", "nul \x00", "lone \ud800"])
def test_a_line_gives_back_what_was_put_into_it(content: str) -> None:
    owner, told = said("c", 1, content)
    told = told.model_copy(update={"metadata": {"tokens": {"input": 2**70}, "thinking": content, "empty": None}})

    line = encode(owner, told, 1.5)

    assert line.count(b"\n") == 1
    assert decode(line) == (owner, told)
    with pytest.raises(DamagedLine):
        decode(line.replace(b'"position":1', b'"position":2'))


def test_a_message_that_no_store_takes_is_not_spooled() -> None:
    owner, told = said("c", 1, "x" * 16_000_001)

    with pytest.raises(MessageTooLarge):
        encode(owner, told, 1.5)
    # Escapes make JSON longer; what counts is what was said.
    assert encode(owner, told.model_copy(update={"content": "\n" * 15_000_000}), 1.5)
