"""A conversation from the conversation store, as much of it as fits."""

import itertools
import uuid

from aethergrid_pipelines.mcp_server.answers import ConversationPart, Turn
from aethergrid_pipelines.mcp_server.budget import fitting
from aethergrid_pipelines.mcp_server.text import short_source, turn_text
from aethergrid_pipelines.records.conversation import Message
from aethergrid_pipelines.stores.conversations import ConversationState, ConversationStore

BEFORE = 2
"""How many messages before the one that is asked for are shown."""

READ_AHEAD = 200
"""No budget holds more messages."""


class NotThere(Exception):
    """There is no such conversation, or no such message in it."""


def conversation_page(
    store: ConversationStore,
    conversation_id: str,
    *,
    space: str,
    max_tokens: int,
    offset: int = 0,
    message_id: str | None = None,
) -> ConversationPart:
    """The messages from ``offset`` (or from two before ``message_id``) on. Raises :class:`NotThere`."""
    state = _state(store, conversation_id, space)
    if message_id is not None:
        offset = max(0, _place(store, conversation_id, message_id) - BEFORE)
    read = itertools.islice(store.messages([conversation_id]), offset, offset + READ_AHEAD)
    turns = fitting([_turn(message) for message in read], max_tokens, as_text=turn_text, last_may_be_cut=True)
    if offset and not turns:
        raise NotThere(f"offset {offset} is beyond its {state.message_count} messages")
    after = offset + len(turns)
    return ConversationPart(
        conversation_id=conversation_id,
        title=state.conversation.title,
        captured_by=state.conversation.source,
        message_count=state.message_count,
        offset=offset,
        next_offset=after if after < state.message_count else None,
        messages=turns,
    )


def _state(store: ConversationStore, conversation_id: str, space: str) -> ConversationState:
    # Every id is a UUID; nothing else needs to reach the store.
    try:
        uuid.UUID(conversation_id)
    except ValueError:
        raise NotThere(
            f"{conversation_id!r} is no conversation id; use the conversation_id of a result of search_memory"
        ) from None
    found = next(store.states(ids=[conversation_id]), None)
    if found is None or found.conversation.space != space:
        raise NotThere(f"there is no conversation {conversation_id}; it may have been forgotten")
    return found


def _place(store: ConversationStore, conversation_id: str, message_id: str) -> int:
    for place, message in enumerate(store.messages([conversation_id])):
        if message.id == message_id:
            return place
    raise NotThere(f"conversation {conversation_id} has no message {message_id!r}")


def _turn(message: Message) -> Turn:
    return Turn(
        content=message.content,
        said_by=" · ".join(name for name in (message.role.value, message.model) if name),
        said_at=message.timestamp,
        message_id=message.id,
        source=short_source(message.origin.path, message.origin.line),
    )
