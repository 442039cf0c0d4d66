"""The contract of a conversation store: many writers, much to read, and a store that is away."""

import datetime as dt
import random
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from aethergrid_pipelines.records.conversation import Conversation
from aethergrid_pipelines.stores.conversations import (
    Appended,
    ConversationStore,
)
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.mongo_conversations import MongoConversationStore
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore
from aethergrid_pipelines_tests.contract.conversations import (
    NOON,
    Open,
    conversation,
    message,
    put,
    state,
)

STORED, _, UNCHANGED, FORGOTTEN = Appended
HOUR = dt.timedelta(hours=1)
C = conversation("c")


def test_two_writers_of_the_same_messages_store_each_once(open_store: Open) -> None:
    said = [message(C, str(n), timestamp=NOON + n * HOUR) for n in range(60)]
    writers = 4
    start = Barrier(writers)

    def write(seed: int) -> list[Appended]:
        store = open_store()
        start.wait()
        order = random.Random(seed).sample(said, len(said))
        return [outcome for n in range(0, 60, 5) for outcome in put(store, C, *order[n : n + 5])]

    with ThreadPoolExecutor(writers) as threads:
        outcomes = [outcome for outcomes in threads.map(write, range(writers)) for outcome in outcomes]
    assert outcomes.count(STORED) == 60
    store = open_store()
    found = state(store, C)
    assert (found.message_count, found.first_at, found.last_at) == (60, NOON, NOON + 59 * HOUR)
    assert list(store.messages([C.id])) == said
    assert state(store, C).version == found.version


def test_two_writers_of_different_messages_count_all(store: ConversationStore) -> None:
    start = Barrier(3)

    def write(writer: int) -> None:
        start.wait()
        for n in range(20):
            put(store, C, message(C, f"{writer}-{n}", timestamp=NOON - writer * HOUR))

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(write, range(3)))
    found = state(store, C)
    assert (found.message_count, found.first_at) == (60, NOON - 2 * HOUR)


def test_forgetting_wins_over_writers(store: ConversationStore) -> None:
    put(store, C, message(C, "0"))
    start = Barrier(3)

    def write(writer: int) -> None:
        start.wait()
        for n in range(20):
            put(store, C, message(C, f"{writer}-{n}"))

    with ThreadPoolExecutor(3) as threads:
        writing = [threads.submit(write, writer) for writer in range(2)]
        start.wait()
        assert store.forget(C.id)
        for each in writing:
            each.result()
    assert list(store.messages([C.id])) == []
    assert list(store.states()) == []
    assert put(store, C, message(C, "0")) == [FORGOTTEN]


def test_long_conversations_are_not_read_all_at_once(store: ConversationStore) -> None:
    # A server without indexes sorts the whole conversation for each page.
    count = 100_000 if isinstance(store, SqliteConversationStore) else 10_000
    for start in range(0, count, 5_000):
        put(store, C, *(message(C, str(n), "x" * 200, position=n) for n in range(start, start + 5_000)))
    tracemalloc.start()
    try:
        for expected, found in enumerate(store.messages([C.id])):
            assert found.position == expected
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert expected == count - 1
    assert peak < count * 400


@pytest.fixture(params=["sqlite", "mongo"])
def away(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ConversationStore]:
    """A store that cannot be reached."""
    url = "mongodb://someone:hidden-word@127.0.0.1:1/?directConnection=true&serverSelectionTimeoutMS=50"
    store: ConversationStore
    if request.param == "sqlite":
        store = SqliteConversationStore(tmp_path / "missing" / "127.0.0.1:1")
    else:
        store = MongoConversationStore(url, "x")
    with closing(store):
        yield store


OPERATIONS: dict[str, Callable[[ConversationStore], object]] = {
    "append": lambda store: put(store, C, message(C, "1")),
    "states": lambda store: list(store.states()),
    "days": lambda store: store.days(),
    "messages": lambda store: list(store.messages([C.id])),
    "forget": lambda store: store.forget(C.id),
    "changes": lambda store: store.changes(None),
    "ping": lambda store: store.ping(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_names_the_store_that_is_unavailable(away: ConversationStore, operation: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1") as caught:
        OPERATIONS[operation](away)
    assert "hidden-word" not in str(caught.value)


def test_a_store_that_is_there_answers_and_closes_twice(store: ConversationStore) -> None:
    store.ping()
    store.close()
    store.close()


def test_a_large_batch_is_stored_whole(store: ConversationStore) -> None:
    owners: list[Conversation] = [conversation(str(n)) for n in range(30)]
    batch = [(each, [message(each, str(n)) for n in range(90)]) for each in owners]
    assert store.append(batch) == [[STORED] * 90] * 30
    assert {found.message_count for found in store.states()} == {90}
    assert store.append(batch) == [[UNCHANGED] * 90] * 30
