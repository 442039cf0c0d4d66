"""The spool and its processes: killed at any moment, several at once, on a disk that is full."""

import itertools
import random
import subprocess
import time
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines_tests.capture.spooling import Gate, start, wait_until
from aethergrid_pipelines_tests.contract.conversations import contents, conversation


def acknowledged(process: "subprocess.Popen[bytes]") -> list[str]:
    """What a process said before it was killed, whole lines only."""
    process.kill()
    output, _ = process.communicate()
    return [line.decode().strip() for line in output.splitlines(keepends=True) if line.endswith(b"\n")]


def wait_for_first_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("store", ["down", "up"])
def test_what_was_acknowledged_survives_kill_9_at_any_moment(tmp_path: Path, store: str) -> None:
    gate = Gate(tmp_path / "conversations.db")
    folder, dice = tmp_path / "spool", random.Random(7)
    told: dict[str, list[str]] = {}
    for name in map(str, range(6)):
        process = start(folder, name, "down" if store == "down" else str(gate.path))
        first = wait_for_first_line(process)
        time.sleep(dice.uniform(0, 0.3))
        told[name] = [first.decode().strip(), *acknowledged(process)]

    spool = Spool(folder, gate)
    wait_until(lambda: not list(folder.glob("*.spool")))
    spool.close()

    for name, numbers in told.items():
        stored = contents(gate.store, conversation(name))
        # In order, without a gap, each once. One that was written and not acknowledged any more may be there, too.
        assert stored == [f"{name} {number}" for number in range(len(stored))]
        assert numbers == [str(number) for number in range(len(numbers))]
        assert len(numbers) <= len(stored) <= len(numbers) + 1


def test_several_processes_spool_and_store_at_once(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "conversations.db")
    folder = tmp_path / "spool"
    processes = {name: start(folder, name, str(gate.path)) for name in ("api", "proxy", "watch")}
    firsts = {name: wait_for_first_line(process).decode().strip() for name, process in processes.items()}
    time.sleep(1)
    told = {name: [firsts[name], *acknowledged(process)] for name, process in processes.items()}

    spool = Spool(folder, gate)
    wait_until(lambda: not list(folder.glob("*.spool")))
    spool.close()

    assert all(len(numbers) > 20 for numbers in told.values())
    for name, numbers in told.items():
        stored = contents(gate.store, conversation(name))
        assert stored == [f"{name} {number}" for number in range(len(stored))]
        assert len(numbers) <= len(stored) <= len(numbers) + 1


def test_a_living_process_keeps_its_own_segments(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "conversations.db")
    folder = tmp_path / "spool"
    process = start(folder, "other", "down")
    wait_for_first_line(process)
    try:
        spool = Spool(folder, gate)
        time.sleep(1.5)
        alive = (len(list(folder.glob("*.spool"))), list(gate.store.states()))
    finally:
        numbers = acknowledged(process)
    wait_until(lambda: not list(folder.glob("*.spool")))
    spool.close()

    assert alive == (1, [])
    assert len(contents(gate.store, conversation("other"))) >= len(numbers) + 1


def test_a_disk_that_takes_no_more_refuses_and_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "conversations.db")
    folder = tmp_path / "spool"
    process = start(folder, "c", "down", 40_000)
    assert process.stdout is not None
    # The limit is that of one file: after the refusal the next message begins a new segment.
    lines = [line.decode().strip() for line in itertools.islice(process.stdout, 300)]
    acknowledged(process)

    spool = Spool(folder, gate)
    wait_until(lambda: not list(folder.glob("*.spool")))
    spool.close()

    refused = [number for number, line in enumerate(lines) if line == "full"]
    stored = contents(gate.store, conversation("c"))
    assert refused
    assert stored[: 300 - len(refused)] == [f"c {line}" for line in lines if line != "full"]
    assert not {f"c {number}" for number in refused} & set(stored)
