"""What only the MongoDB store promises: no crash hides a change, and a server may go away and come back."""

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from aethergrid_pipelines.stores.conversations import Appended, HistoryLost
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.mongo_collections import address_of, connect
from aethergrid_pipelines.stores.mongo_conversations import MongoConversationStore
from aethergrid_pipelines.stores.mongo_summary import ABANDONED_AFTER
from aethergrid_pipelines_tests.contract.conversations import (
    NOON,
    all_changes,
    contents,
    conversation,
    message,
    put,
    state,
)
from aethergrid_pipelines_tests.stores.tcp_forwarder import TcpForwarder

C = conversation("c", title="A title")
EARLIER = NOON - dt.timedelta(days=1)


class Crash(Exception):
    """The process ended here."""


class Intercepted:
    """A collection that calls ``before`` ahead of its nth bulk write (from 1) and is otherwise itself."""

    def __init__(self, collection: Any, at: int, before: Callable[[], object]) -> None:
        self._collection = collection
        self._writes_left = at
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    def bulk_write(self, *args: Any, **options: Any) -> Any:
        self._writes_left -= 1
        if self._writes_left == 0:
            self._before()
        return self._collection.bulk_write(*args, **options)


STEPS = {"announce": ("conversations", 1), "write": ("messages", 1), "conclude": ("conversations", 2)}


def intercept(store: MongoConversationStore, step: str, before: Callable[[], object]) -> None:
    """Call ``before`` ahead of one step of the next append."""
    name, at = STEPS[step]
    intercepted: Any = Intercepted(getattr(store._collections, name), at, before)
    store._collections = replace(store._collections, **{name: intercepted})


def crash() -> None:
    raise Crash


@pytest.fixture
def database() -> str:
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture
def store(mongodb_url: str, database: str) -> Iterator[MongoConversationStore]:
    with closing(MongoConversationStore(mongodb_url, database)) as store:
        yield store
        store._client.drop_database(database)


@pytest.fixture
def crashing(mongodb_url: str, database: str) -> Iterator[MongoConversationStore]:
    """Another process with the same store."""
    with closing(MongoConversationStore(mongodb_url, database)) as store:
        yield store


def let_marks_grow_old(store: MongoConversationStore) -> None:
    for document in store._collections.conversations.find({"writers": {"$gt": {}}}):
        old = {f"writers.{mark}": since - ABANDONED_AFTER for mark, since in document["writers"].items()}
        store._collections.conversations.update_one({"_id": document["_id"]}, {"$set": old})


@pytest.mark.parametrize("step", ["write", "conclude"])
def test_a_conversation_stays_stale_after_a_crash_until_it_is_repaired(
    store: MongoConversationStore, crashing: MongoConversationStore, step: str
) -> None:
    put(store, C, message(C, "1"))
    intercept(crashing, step, crash)
    with pytest.raises(Crash):
        put(crashing, C, message(C, "0", timestamp=EARLIER))
    assert len({state(store, C).version for _ in range(5)}) == 5
    let_marks_grow_old(store)
    cursor = store.changes(None).cursor
    repaired = state(store, C)
    written = int(step == "conclude")
    assert (repaired.message_count, repaired.first_at) == (1 + written, EARLIER if written else NOON)
    assert repaired.day == repaired.first_at.date()
    assert state(store, C).version == repaired.version
    assert [change.conversation_id for change in all_changes(store, cursor)] == [C.id]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("exists", [True, False])
def test_appending_again_after_a_crash_completes_what_was_begun(
    store: MongoConversationStore, crashing: MongoConversationStore, step: str, exists: bool
) -> None:
    if exists:
        put(store, C, message(C, "1", "before", timestamp=NOON + dt.timedelta(hours=1)))
    batch = [message(C, str(n), timestamp=NOON + n * dt.timedelta(hours=1)) for n in range(1, 4)]
    intercept(crashing, step, crash)
    with pytest.raises(Crash):
        put(crashing, C, *batch)
    put(store, C, *batch)
    found = state(store, C)
    assert (found.message_count, found.last_at) == (3, NOON + dt.timedelta(hours=3))
    let_marks_grow_old(store)
    assert state(store, C).version == state(store, C).version
    assert list(store.messages([C.id])) == batch


def test_a_conversation_whose_first_writer_died_before_any_message_is_not_there(
    store: MongoConversationStore, crashing: MongoConversationStore
) -> None:
    intercept(crashing, "write", crash)
    with pytest.raises(Crash):
        put(crashing, C, message(C, "1"))
    assert list(store.states()) == []
    let_marks_grow_old(store)
    assert list(store.states()) == []
    assert store.days() == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("exists", [True, False])
def test_forgetting_in_the_middle_of_an_append_wins(
    store: MongoConversationStore, crashing: MongoConversationStore, step: str, exists: bool
) -> None:
    put(store, C, message(C, "1"))
    said = message(C, "1" if exists else "2", "new")
    intercept(crashing, step, lambda: store.forget(C.id))
    assert put(crashing, C, said) == [Appended.FORGOTTEN]
    assert store._collections.messages.count_documents({}) == 0
    (rest,) = store._collections.conversations.find()
    assert {name: rest[name] for name in rest if name != "writers"} == {
        "_id": C.id,
        "day": NOON.date().isoformat(),
        "forgotten": True,
    }
    assert not rest.get("writers")


def test_what_a_dead_writer_left_after_forgetting_is_removed(
    store: MongoConversationStore, crashing: MongoConversationStore
) -> None:
    put(store, C, message(C, "1"))
    intercept(crashing, "conclude", crash)
    intercept(crashing, "write", lambda: store.forget(C.id))
    with pytest.raises(Crash):
        put(crashing, C, message(C, "2"))
    assert contents(store, C) == ["hello"]
    let_marks_grow_old(store)
    assert list(store.states()) == []
    assert contents(store, C) == []


@pytest.mark.parametrize("step", STEPS)
def test_another_writer_in_the_middle_of_an_append_is_counted(
    store: MongoConversationStore, crashing: MongoConversationStore, step: str
) -> None:
    put(store, C, message(C, "0"))
    intercept(crashing, step, lambda: put(store, C, message(C, "1", timestamp=EARLIER), message(C, "2")))
    assert put(crashing, C, message(C, "2"), message(C, "3"))[1] is Appended.STORED
    found = state(store, C)
    assert (found.message_count, found.first_at, found.day) == (4, EARLIER, EARLIER.date())
    assert state(store, C).version == found.version


def test_live_writers_are_left_alone_by_repairs(
    store: MongoConversationStore, crashing: MongoConversationStore
) -> None:
    put(store, C, message(C, "0"))
    seen = []
    intercept(crashing, "conclude", lambda: seen.append(state(store, C)))
    put(crashing, C, message(C, "1"))
    assert "~" in seen[0].version
    assert len(seen[0].version) <= 64
    assert state(store, C).message_count == 2


def test_a_cursor_from_before_the_oplog_has_no_history(store: MongoConversationStore) -> None:
    put(store, C, message(C, "0"))
    known = json.loads(store.changes(None).cursor)
    data = known["token"]["_data"]
    # A token begins with the time, in MongoDB itself after the type of a timestamp (82); this one is of 1970.
    kind = data[:2] if data.startswith("82") else ""
    known["token"]["_data"] = f"{kind}{1:08x}{data[len(kind) + 8 :]}"
    with pytest.raises(HistoryLost):
        store.changes(json.dumps(known))


def test_a_cursor_of_another_database_has_no_history(store: MongoConversationStore, mongodb_url: str) -> None:
    cursor = store.changes(None).cursor
    with closing(MongoConversationStore(mongodb_url, "another")) as other, pytest.raises(HistoryLost):
        other.changes(cursor)


def test_a_server_that_comes_back_is_used_again(store: MongoConversationStore, mongodb_url: str, database: str) -> None:
    server = urlsplit(mongodb_url.partition("?")[0])
    if server.hostname is None or "," in server.netloc:
        pytest.skip("the way to a server is cut here, which takes a MONGODB_URL of one host")
    way = TcpForwarder((server.hostname, server.port or 27017))
    credentials = server.netloc.rpartition("@")[0]
    host = f"{credentials}@127.0.0.1:{way.port}" if credentials else f"127.0.0.1:{way.port}"
    url = f"mongodb://{host}/?directConnection=true&serverSelectionTimeoutMS=300"
    with closing(MongoConversationStore(url, database)) as distant:
        put(distant, C, message(C, "1"))
        cursor = distant.changes(None).cursor
        way.cut()
        for unreachable in (distant.ping, distant.days, lambda: distant.changes(cursor, wait=1.0)):
            with pytest.raises(StoreUnavailable, match=str(way.port)):
                unreachable()
        put(store, C, message(C, "2"))
        way.mend()
        assert state(distant, C).message_count == 2
        assert [change.conversation_id for change in all_changes(distant, cursor)] == [C.id]
    way.cut()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mongodb://127.0.0.1:27018/?replicaSet=rs0", "mongodb://127.0.0.1:27018/"),
        ("mongodb://me:p%40ss@a:1,b:2/db?authMechanismProperties=AWS_SESSION_TOKEN:x", "mongodb://a:1,b:2/db"),
        ("mongodb+srv://me:pa@ss@cluster.example.org", "mongodb+srv://cluster.example.org"),
    ],
)
def test_an_address_shows_no_credentials(url: str, address: str) -> None:
    assert address_of(url) == address


def test_the_patience_of_the_url_is_kept() -> None:
    with connect("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=70") as client:
        assert client.options.server_selection_timeout == 0.07
    with connect("mongodb://127.0.0.1:1/") as client:
        assert client.options.server_selection_timeout == 5.0
