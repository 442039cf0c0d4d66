"""What ``POST /api/ingest`` takes and answers."""

from typing import Any

from aethergrid_pipelines.query.records import Record

_MESSAGE = {
    "type": "object",
    "required": ["conversation", "role", "content"],
    "properties": {
        "conversation": {"type": "string", "description": "The id of the conversation, in its source's words"},
        "id": {"type": "string", "description": "The id of the message, unique within its conversation"},
        "timestamp": {
            "type": "string",
            "format": "date-time",
            "description": "When it was said; else the time of receipt",
        },
        "role": {"enum": ["user", "assistant", "system", "tool"]},
        "content": {"description": "Text, or a list of parts as in OpenAI's messages"},
        "timestamp_inferred": {"type": "boolean", "description": "The timestamp keeps the order and is a guess"},
        "rendered": {
            "type": "boolean",
            "description": "Read off a web page: never replaces the same message from another route",
        },
        "model": {"type": "string"},
        "source": {"type": "string"},
        "title": {"type": "string"},
        "metadata": {"type": "object"},
    },
}
_CONVERSATION = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "id": {
            "type": "string",
            "description": "The id of the conversation; without one it is the hash of its messages",
        },
        "messages": {"type": "array", "items": {"type": "object", "required": ["role", "content"]}},
        "model": {"type": "string", "description": "The model of the assistant's messages that name none"},
        "source": {"type": "string"},
        "title": {"type": "string"},
        "metadata": {"type": "object"},
    },
}
_ONE = {"anyOf": [_MESSAGE, _CONVERSATION]}

BODY: dict[str, Any] = {
    "required": True,
    "description": 'One record, a list of records, or `{"records": [...]}`; one per line as application/x-ndjson.',
    "content": {
        "application/json": {
            "schema": {"anyOf": [*_ONE["anyOf"], {"type": "array", "items": _ONE}]},
            "examples": {
                "a message": {
                    "value": {
                        "conversation": "retro-41",
                        "id": "m1",
                        "timestamp": "2026-10-05T09:30:00Z",
                        "role": "user",
                        "content": "Why did the import take 40 minutes?",
                        "title": "Retrospective, sprint 41",
                    }
                },
                "a conversation": {
                    "value": {
                        "id": "chat-7",
                        "model": "gemini-2.5-pro",
                        "messages": [
                            {"role": "user", "content": "A regular expression for Dutch postcodes?"},
                            {"role": "assistant", "content": "`^[1-9][0-9]{3} ?[A-Z]{2}$`"},
                        ],
                    }
                },
            },
        },
        "application/x-ndjson": {"schema": {"type": "string"}},
    },
}


class IngestAccount(Record):
    """Records by outcome: read = stored + merged + skipped + rejected + spooled; ``updated`` are those of ``stored``
    that replaced an older content, ``spooled`` ones are durable and wait for the conversation store. ``redacted``:
    secrets that were replaced, by kind; ``flagged``: those that were found and left in (``REDACT_SECRETS=false``)."""

    read: int
    stored: int
    updated: int
    merged: int
    skipped: dict[str, int]
    rejected: int
    redacted: dict[str, int]
    flagged: dict[str, int]
    spooled: int = 0


class RecordOutcome(Record):
    """What became of one record: stored, updated, merged (it was there), skipped, rejected or spooled. ``index`` is its
    place in the request, from 0. Each message of a conversation has an outcome of its own. ``secrets``: the kinds of
    those that were found in it."""

    index: int
    outcome: str
    secrets: list[str]
    conversation_id: str | None = None
    message_id: str | None = None
    field: str | None = None
    reason: str | None = None


class IngestResponse(Record):
    """``conversation_ids``: those of records that were not rejected."""

    account: IngestAccount
    records: list[RecordOutcome]
    conversation_ids: list[str]
