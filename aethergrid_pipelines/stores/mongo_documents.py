"""How conversations and messages look as documents of MongoDB.

Moments are microseconds since 1970 in 64 bits, since a BSON date ends at milliseconds. Metadata is a JSON string: BSON
refuses a NUL in a key and integers beyond 64 bits.
"""

import datetime as dt
import json
import secrets

from aethergrid_pipelines.records.conversation import Conversation, Message, Origin, Role
from aethergrid_pipelines.stores.conversations import ConversationState
from aethergrid_pipelines.stores.mongo_collections import Document
from aethergrid_pipelines.stores.prepared_message import PreparedMessage, moment_of


def message_document(prepared: PreparedMessage) -> Document:
    """One message."""
    message = prepared.message
    return {
        "_id": message.id,
        "conversation_id": message.conversation_id,
        "digest": prepared.digest,
        "timestamp": prepared.timestamp,
        "timestamp_inferred": message.timestamp_inferred,
        "position": message.position,
        "native_id": message.native_id,
        "role": message.role.value,
        "model": message.model,
        "content": message.content,
        "metadata": prepared.metadata,
        "origin": {"path": message.origin.path, "line": message.origin.line},
    }


def message_of(document: Document) -> Message:
    """The inverse of :func:`message_document`."""
    return Message(
        id=document["_id"],
        conversation_id=document["conversation_id"],
        native_id=document["native_id"],
        timestamp=moment_of(document["timestamp"]),
        timestamp_inferred=document["timestamp_inferred"],
        role=Role(document["role"]),
        content=document["content"],
        model=document["model"],
        position=document["position"],
        metadata=json.loads(document["metadata"]),
        origin=Origin(**document["origin"]),
    )


def state_of(document: Document) -> ConversationState:
    """A conversation; while somebody writes to it, its version equals no other, itself at another time included."""
    version = document["version"]
    return ConversationState(
        conversation=Conversation(
            id=document["_id"],
            space=document["space"],
            source=document["source"],
            native_id=document["native_id"],
            title=document["title"],
        ),
        day=dt.date.fromisoformat(document["day"]),
        version=f"{version}~{secrets.token_hex(8)}" if document.get("writers") else version,
        message_count=document["message_count"],
        first_at=moment_of(document["first_at"]),
        last_at=moment_of(document["last_at"]),
    )
