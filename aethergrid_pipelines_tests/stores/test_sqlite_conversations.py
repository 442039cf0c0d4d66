"""What only the SQLite store promises: nothing readable remains in its files, and processes may share them."""

import multiprocessing
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aethergrid_pipelines.stores.conversations import HistoryLost
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore
from aethergrid_pipelines_tests.contract.conversations import conversation, message, put, state

C = conversation("c", title="A title")
LENGTHS = (1, 5, 40, 300, 3_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "conversations.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteConversationStore]:
    with closing(SqliteConversationStore(path)) as store:
        yield store


@pytest.mark.parametrize("seed", range(4))
def test_no_text_of_a_forgotten_conversation_remains_in_the_files(
    store: SqliteConversationStore, path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    owners = [conversation(f"native-{n:02}", title=f"title-{n:02}") for n in range(30)]
    for n in range(1_500):
        # Half of them replace a message that is there: what an edit replaced must not remain either.
        owner = chance.choice(owners)
        secret = f"<{owner.native_id}|{n}>" * chance.choice(LENGTHS)
        said = message(owner, str(chance.randrange(25)), secret, metadata={"of": owner.native_id})
        titled = owner.model_copy(update={"title": f"{owner.title}-{n}"}) if n % 10 == 0 else owner
        put(store, titled, said)
    for owner in chance.sample(owners, 15):
        needles = (f"{owner.native_id}".encode(), f"{owner.title}".encode())
        assert all(needle in path.read_bytes() + _log(path) for needle in needles)
        assert store.forget(owner.id)
        remains = path.read_bytes() + _log(path)
        assert not any(needle in remains for needle in needles)


def _log(path: Path) -> bytes:
    log = path.with_name(f"{path.name}-wal")
    return log.read_bytes() if log.exists() else b""


def test_a_reader_in_the_middle_of_a_conversation_does_not_hinder_forgetting(
    store: SqliteConversationStore, path: Path
) -> None:
    put(store, C, *(message(C, str(n), "a secret") for n in range(1_200)))
    reading = store.messages([C.id])
    next(reading)
    assert store.forget(C.id)
    assert b"a secret" not in path.read_bytes() + _log(path)
    assert len(list(reading)) < 1_200


def _write(path: Path, writer: int) -> None:
    with closing(SqliteConversationStore(path)) as store:
        for n in range(40):
            put(store, C, message(C, f"{writer}-{n}"), message(C, f"both-{n}"))


def test_processes_share_a_file_from_its_creation_on(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_write, args=(path, writer)) for writer in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with closing(SqliteConversationStore(path)) as store:
        assert state(store, C).message_count == 3 * 40 + 40
        assert len(list(store.messages([C.id]))) == 160


def test_a_version_is_not_used_again_after_forgetting(store: SqliteConversationStore) -> None:
    put(store, C, message(C, "1"))
    first = state(store, C).version
    store.forget(C.id)
    other = conversation("other")
    put(store, other, message(other, "1"))
    assert state(store, other).version != first
    assert store.changes(None).cursor.endswith(":3")


def test_a_cursor_from_before_the_file_was_replaced_has_no_history(
    store: SqliteConversationStore, tmp_path: Path
) -> None:
    put(store, C, message(C, "1"))
    origin, _, sequence = store.changes(None).cursor.rpartition(":")
    with closing(SqliteConversationStore(tmp_path / "other.db")) as other, pytest.raises(HistoryLost):
        other.changes(f"{origin}:{sequence}")
    with pytest.raises(HistoryLost):
        store.changes(f"{origin}:{int(sequence) + 1}")


def test_a_failed_batch_leaves_nothing_and_the_store_usable(store: SqliteConversationStore) -> None:
    put(store, C, message(C, "1"))
    before = state(store, C)
    with pytest.raises(OverflowError):
        put(store, C, message(C, "2"), message(C, "3", position=2**70))
    assert state(store, C) == before
    put(store, C, message(C, "2"))
    assert state(store, C).message_count == 2


def test_a_file_of_a_newer_version_is_refused(store: SqliteConversationStore, path: Path) -> None:
    store.ping()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with closing(SqliteConversationStore(path)) as other, pytest.raises(sqlite3.DatabaseError, match="newer"):
        other.ping()
