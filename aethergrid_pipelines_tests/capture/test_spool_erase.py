"""What is forgotten before it reached the store is gone from the spool, and does not come back."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.capture.spool_erase import erase_spooled, spooled_of
from aethergrid_pipelines.capture.spool_folder import REFUSED, SpoolFolder
from aethergrid_pipelines.capture.spool_lines import decode, encode, forgets, to_forget
from aethergrid_pipelines.records.conversation import Conversation, Origin
from aethergrid_pipelines.stores.conversations import Appended
from aethergrid_pipelines_tests.capture.spooling import Gate, said, start, wait_until
from aethergrid_pipelines_tests.contract.conversations import contents, put


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    found = Gate(tmp_path / "conversations.db", down=True)
    yield found
    found.store.close()


@pytest.fixture
def folder(tmp_path: Path) -> SpoolFolder:
    return SpoolFolder(tmp_path / "spool")


@pytest.fixture
def spool(folder: SpoolFolder, gate: Gate) -> Iterator[Spool]:
    found = Spool(folder.path, gate)
    yield found
    gate.down = False
    found.close()


def bytes_of(folder: SpoolFolder) -> bytes:
    return b"".join(path.read_bytes() for path in folder.path.iterdir() if path.is_file())


def drained(folder: SpoolFolder) -> None:
    wait_until(lambda: folder.backlog().records == 0)


def test_a_conversation_that_is_only_spooled_is_overwritten_and_never_stored(
    folder: SpoolFolder, spool: Spool, gate: Gate
) -> None:
    secret, other = said("a", 1, "the secret recipe"), said("b", 1, "stays")
    spool.append([secret, other, said("a", 2, "the secret recipe again")])
    assert erase_spooled(folder, secret[0].id) == 2

    assert b"recipe" not in bytes_of(folder)
    assert spooled_of(folder, secret[0].id) == 0
    assert erase_spooled(folder, secret[0].id) == 0, "it was there once"
    gate.down = False
    drained(folder)
    assert contents(gate.store, other[0]) == ["stays"]
    assert [state.conversation.native_id for state in gate.store.states()] == ["b"]


def test_it_does_not_come_back_when_it_is_captured_again(folder: SpoolFolder, spool: Spool, gate: Gate) -> None:
    owner, message = said("a", 1)
    spool.append([(owner, message)])
    erase_spooled(folder, owner.id)
    spool.append([(owner, message)])
    gate.down = False
    drained(folder)

    assert list(gate.store.states()) == []
    assert put(gate.store, owner, message) == [Appended.FORGOTTEN]


def test_what_the_store_had_of_it_before_goes_when_the_store_is_back(
    folder: SpoolFolder, spool: Spool, gate: Gate
) -> None:
    owner, message = said("a", 0, "stored earlier")
    put(gate.store, owner, message)
    spool.append([said("a", 1)])
    erase_spooled(folder, owner.id)
    gate.down = False
    drained(folder)

    assert list(gate.store.states()) == []


def test_what_a_killed_process_left_can_be_forgotten_too(folder: SpoolFolder, gate: Gate) -> None:
    process = start(folder.path, "killed", "down")
    assert process.stdout is not None
    assert process.stdout.readline() == b"0\n"
    process.kill()
    process.communicate()
    owner, _ = said("killed", 0)
    assert erase_spooled(folder, owner.id) >= 1
    gate.down = False
    spool = Spool(folder.path, gate)
    drained(folder)
    spool.close()

    assert list(gate.store.states()) == []


def test_forgetting_while_others_write_leaves_everything_else(folder: SpoolFolder, spool: Spool, gate: Gate) -> None:
    gate.down = False
    owner, _ = said("a", 0)
    done = threading.Event()

    def writing() -> None:
        for number in range(300):
            spool.append([said("b", number), said("a", number)])
        done.set()

    thread = threading.Thread(target=writing)
    thread.start()
    while not done.is_set():
        erase_spooled(folder, owner.id)
        gate.store.forget(owner.id)
    thread.join()
    erase_spooled(folder, owner.id)
    gate.store.forget(owner.id)
    drained(folder)

    assert contents(gate.store, said("b", 0)[0]) == [f"b {number}" for number in range(300)]
    assert [state.conversation.native_id for state in gate.store.states()] == ["b"]
    assert folder.backlog().refused == 0


def test_what_the_store_refused_is_erased_with_it(folder: SpoolFolder, spool: Spool) -> None:
    owner, message = said("a", 1, "refused recipe")
    for kept in ((owner, message), said("b", 1)):
        folder.note(REFUSED, {"reason": "too large", "line": encode(*kept, 1.0).decode()})
    assert spooled_of(folder, owner.id) == 1
    assert erase_spooled(folder, owner.id) == 1

    assert b"recipe" not in bytes_of(folder)
    assert folder.backlog().refused == 1


@pytest.mark.parametrize("content", ["", "x", "ünï\n" * 1_000])
def test_a_line_to_forget_is_as_long_and_says_nothing(content: str) -> None:
    owner, message = said("a", 1)
    owner = Conversation(id=owner.id, source="s", native_id="n", title="t" if content else None)
    message = message.model_copy(update={"content": content, "origin": Origin(path="")})
    line = encode(owner, message, 1.5)
    blank = to_forget(line)

    assert len(blank) == len(line)
    assert forgets(blank)
    assert not forgets(line)
    assert decode(blank)[1].model_copy(update={"content": content}).id == message.id
    assert decode(blank)[1].content == ""


def test_a_folder_that_is_not_there_holds_nothing(folder: SpoolFolder) -> None:
    assert erase_spooled(folder, said("a", 1)[0].id) == 0
