"""Conversations to process, and what all stores hold afterwards, in a form that two runs can be compared by."""

import datetime as dt
from typing import Any

from sqlalchemy import select
from sqlmodel import SQLModel

from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records import ids
from aethergrid_pipelines.records.conversation import Conversation, Message, Origin, Role
from aethergrid_pipelines.records.tables import (
    ChunkEmbedding,
    ChunkRow,
    CleanedMessageRow,
    ConversationRow,
    FragmentRow,
    StepState,
    TopicStatRow,
    Vector,
    table_of,
)

DAY = dt.datetime(2026, 10, 5, 9, tzinfo=dt.UTC)

TABLES: tuple[type[SQLModel], ...] = (
    ConversationRow,
    CleanedMessageRow,
    ChunkRow,
    ChunkEmbedding,
    Vector,
    FragmentRow,
    TopicStatRow,
    StepState,
)

OF_THE_RUN = {"run_id", "processed_at", "written_at", "created_at"}
"""Columns that tell one run from another, and nothing of what it made."""

OF_THE_STORE = {"input_version", "output_version"}
"""Versions of the conversation store are its own and differ from one store to the next."""


def conversation(name: str, title: str | None = None) -> Conversation:
    """A conversation of source ``test``."""
    return Conversation(id=ids.conversation_id("default", "test", name), source="test", native_id=name, title=title)


def messages(name: str, texts: list[str], *, start: dt.datetime = DAY, model: str = "m-1") -> list[Message]:
    """User and assistant take turns, a minute apart."""
    own = ids.conversation_id("default", "test", name)
    return [
        Message(
            id=ids.message_id(own, str(index)),
            conversation_id=own,
            native_id=str(index),
            timestamp=start + dt.timedelta(minutes=index),
            role=Role.ASSISTANT if index % 2 else Role.USER,
            content=text,
            model=model if index % 2 else None,
            position=index,
            origin=Origin(path=f"{name}.jsonl", line=index + 1),
        )
        for index, text in enumerate(texts)
    ]


def put(stores: Stores, name: str, texts: list[str], *, title: str | None = None, days: int = 0) -> str:
    """Store a conversation; the id of it."""
    start = DAY + dt.timedelta(days=days)
    stores.conversations.append([(conversation(name, title), messages(name, texts, start=start))])
    return ids.conversation_id("default", "test", name)


def everything(stores: Stores) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables and all fragments of the active collection, without what belongs to a run."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with stores.catalog.reading() as connection:
        for row_class in TABLES:
            table = table_of(row_class)
            hidden = OF_THE_RUN | (OF_THE_STORE if row_class is StepState else set())
            shown = [column for column in table.c if column.name not in hidden]
            rows = connection.execute(select(*shown)).all()
            # Each place has its own public name of the collection.
            own = stores.settings.vector_collection
            found[table.name] = sorted(tuple(repr(value).replace(own, "ALIAS") for value in row) for row in rows)
    active = stores.vectors.active()
    if active:
        fragment_ids = sorted(stores.vectors.ids(active[0]))
        fragments = stores.vectors.fetch(active[0], fragment_ids, with_vectors=True)
        found["vector store"] = [
            (repr(fragment.payload()), tuple(round(value, 5) for value in fragment.vector)) for fragment in fragments
        ]
    return found
