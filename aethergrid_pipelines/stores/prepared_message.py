"""A message made ready for a conversation store: what both stores check and encode in the same way."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from aethergrid_pipelines.records.conversation import RENDERED, Conversation, Message
from aethergrid_pipelines.stores.conversations import MAX_MESSAGE_BYTES, Appended, MessagesTooLarge

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


class PreparedMessage(NamedTuple):
    """``timestamp`` is in microseconds since 1970; ``metadata`` is JSON, since neither BSON nor SQLite has a type that
    holds every JSON object (a key with a NUL, an integer beyond 64 bits). ``rendered`` is whether it was read off a
    page."""

    message: Message
    id: str
    digest: str
    timestamp: int
    metadata: str
    rendered: bool
    too_large: bool


Prepared = list[tuple[Conversation, list[PreparedMessage]]]


def microseconds(moment: dt.datetime) -> int:
    """Microseconds since 1970-01-01 in UTC, exact (a float of seconds is not)."""
    return (moment - EPOCH) // _MICROSECOND


def moment_of(timestamp: int) -> dt.datetime:
    """The inverse of :func:`microseconds`."""
    return EPOCH + timestamp * _MICROSECOND


def day_of(timestamp: int) -> dt.date:
    """The UTC day of a moment in microseconds since 1970."""
    return moment_of(timestamp).date()


def prepare(batch: Sequence[tuple[Conversation, Sequence[Message]]]) -> Prepared:
    """Encode a batch. Raises ``ValueError`` for a message of another conversation or without a time zone."""
    return [
        (conversation, [_prepare(conversation, message) for message in messages]) for conversation, messages in batch
    ]


def _prepare(conversation: Conversation, message: Message) -> PreparedMessage:
    if message.conversation_id != conversation.id:
        raise ValueError(f"message {message.id} is of conversation {message.conversation_id}, not {conversation.id}")
    if message.timestamp.tzinfo is None:
        raise ValueError(f"message {message.id} has a timestamp without a time zone")
    metadata = _json_of(message.metadata) if message.metadata else "{}"
    path = message.origin.path
    too_large = _exceeds((message.content, metadata, message.native_id, path, message.model or ""), MAX_MESSAGE_BYTES)
    moment = microseconds(message.timestamp)
    return PreparedMessage(message, message.id, message.digest, moment, metadata, path == RENDERED, too_large)


def _json_of(metadata: dict[str, Any]) -> str:
    try:
        text = orjson.dumps(metadata, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except orjson.JSONEncodeError:
        # Integers beyond 64 bits, lone surrogates, moments.
        return _as_json(metadata)
    # orjson also says null for a number that is none (NaN), and what was captured is to come back as it was.
    return _as_json(metadata) if "null" in text else text


def _exceeds(texts: tuple[str, ...], limit: int) -> bool:
    # UTF-8 takes at most four bytes a character, so that hardly any message has to be encoded to be measured.
    if sum(map(len, texts)) * 4 <= limit:
        return False
    return sum(len(text.encode()) for text in texts) > limit


def accounted(prepared: Prepared, outcomes: list[list[Appended | None]]) -> list[list[Appended]]:
    """The outcomes, none of them missing; raises :class:`MessagesTooLarge` where one is."""
    refused = [
        message.id
        for (_, messages), results in zip(prepared, outcomes, strict=True)
        for message, outcome in zip(messages, results, strict=True)
        if outcome is None
    ]
    if refused:
        raise MessagesTooLarge(refused, outcomes)
    return [[outcome for outcome in results if outcome is not None] for results in outcomes]
