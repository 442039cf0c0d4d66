"""What the conversation stores are tested with: conversations, and stores that leave nothing behind."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aethergrid_pipelines.records.conversation import Conversation, Message, Origin, Role
from aethergrid_pipelines.records.ids import conversation_id, message_id
from aethergrid_pipelines.stores.conversations import Appended, Change, ConversationState, ConversationStore
from aethergrid_pipelines.stores.mongo_collections import connect
from aethergrid_pipelines.stores.mongo_conversations import MongoConversationStore
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore

NOON = dt.datetime(2026, 3, 5, 12, tzinfo=dt.UTC)

Open = Callable[[], ConversationStore]


def conversation(name: str, title: str | None = None) -> Conversation:
    """A conversation that its source calls ``name``."""
    return Conversation(id=conversation_id("default", "test", name), source="test", native_id=name, title=title)


def message(owner: Conversation, name: str, content: str = "hello", **fields: Any) -> Message:
    """A message that its source calls ``name``, at noon unless ``fields`` say otherwise."""
    about = {"timestamp": NOON, "role": Role.USER, "origin": Origin(path="chat.jsonl", line=1), **fields}
    identifier = message_id(owner.id, name)
    return Message(id=identifier, conversation_id=owner.id, native_id=name, content=content, **about)


def put(store: ConversationStore, owner: Conversation, *messages: Message) -> list[Appended]:
    """Append to one conversation."""
    return store.append([(owner, messages)])[0]


def state(store: ConversationStore, owner: Conversation) -> ConversationState:
    """The state of one conversation that is there."""
    (found,) = store.states(ids=[owner.id])
    return found


def contents(store: ConversationStore, owner: Conversation) -> list[str]:
    """What the messages of a conversation say, in order."""
    return [said.content for said in store.messages([owner.id])]


def all_changes(store: ConversationStore, cursor: str) -> list[Change]:
    """Everything behind a cursor."""
    found: list[Change] = []
    while page := store.changes(cursor, wait=0.1):
        found += page.changes
        cursor = page.cursor
        if not page.changes:
            break
    return found


@contextmanager
def sqlite_stores(folder: Path) -> Iterator[Open]:
    """Opens one SQLite store as often as asked."""
    opened: list[ConversationStore] = []

    def open_store() -> ConversationStore:
        opened.append(SqliteConversationStore(folder / "conversations.db"))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


@contextmanager
def mongo_stores(url: str) -> Iterator[Open]:
    """Opens one MongoDB store, in a database of its own, as often as asked."""
    opened: list[ConversationStore] = []
    database = f"test_{uuid.uuid4().hex}"

    def open_store() -> ConversationStore:
        opened.append(MongoConversationStore(url, database))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()
    with connect(url) as client:
        client.drop_database(database)
