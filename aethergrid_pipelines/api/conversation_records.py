"""What the routes of conversations answer."""

import datetime as dt
from typing import Any, Self

from aethergrid_pipelines.query.records import Record
from aethergrid_pipelines.records.conversation import Message, Role


class MessageLineage(Record):
    """Where a message was read."""

    native_id: str
    origin_path: str
    origin_line: int | None


class MessageRecord(Record):
    """A message as it was captured."""

    id: str
    timestamp: dt.datetime
    timestamp_inferred: bool
    role: Role
    content: str
    model: str | None
    metadata: dict[str, Any]
    lineage: MessageLineage

    @classmethod
    def of(cls, message: Message) -> Self:
        """The message of a conversation store."""
        return cls(
            id=message.id,
            timestamp=message.timestamp,
            timestamp_inferred=message.timestamp_inferred,
            role=message.role,
            content=message.content,
            model=message.model,
            metadata=message.metadata,
            lineage=MessageLineage(
                native_id=message.native_id, origin_path=message.origin.path, origin_line=message.origin.line
            ),
        )


class ConversationResponse(Record):
    """A conversation; ``message_count`` is of all its messages, also where fewer were asked for. ``offset`` is the
    place of the first of ``messages`` among all, from 0."""

    id: str
    space: str
    source: str
    native_id: str
    title: str | None
    day: dt.date
    first_at: dt.datetime
    last_at: dt.datetime
    message_count: int
    offset: int
    messages: list[MessageRecord]


class ForgottenResponse(Record):
    """``remains``: what is left of it, by place, counted afterwards; all zero."""

    conversation_id: str
    run_id: str
    remains: dict[str, int]
