"""What capture hands over and the conversation store keeps."""

import datetime as dt
import hashlib
from enum import StrEnum
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aethergrid_pipelines.records.canonical_json import canonical_object, canonical_text
from aethergrid_pipelines.records.ids import DEFAULT_SPACE


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


ALTERNATE = "alternate_branch"
"""The key of a message's metadata that is ``True`` where people went another way: an edited question, an answer that
was asked for again. It is kept, apart from the conversation as they see it."""

RENDERED = "page"
"""The path of the origin of a message that was read off a web page, which is what its source made of it for eyes: it
never takes the place of the same message from any other origin."""


class Origin(BaseModel):
    """Where a record was read: the file (or ``api``, or ``page``) and the position in it, counted from 1."""

    model_config = ConfigDict(frozen=True)

    path: str
    line: int | None = None


class Conversation(BaseModel):
    """An ordered list of messages under one id; belongs to a source and to a space."""

    model_config = ConfigDict(frozen=True)

    id: str
    space: str = DEFAULT_SPACE
    source: str
    native_id: str
    title: str | None = None


class Message(BaseModel):
    """One turn of a conversation, as captured; cleaning comes later and never changes this one.

    ``content`` is what was said. What surrounds it (token counts, the context window, names of tools that were used,
    tool calls, thinking) is in ``metadata``, a JSON object. ``position`` orders messages of equal timestamp.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    conversation_id: str
    native_id: str
    timestamp: dt.datetime
    timestamp_inferred: bool = False
    role: Role
    content: str
    model: str | None = None
    position: int = 0
    metadata: dict[str, Any] = Field(default_factory=dict)
    origin: Origin

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits over everything that was said and when, so that equal digests mean «nothing new».

        A timestamp that was inferred (the source gave none) and the origin stay outside: reading the same thing
        again, from elsewhere, changes nothing.
        """
        moment = None if self.timestamp_inferred else self.timestamp.astimezone(dt.UTC).isoformat()
        said = (
            canonical_text(self.role),
            canonical_text(self.content),
            b"null" if self.model is None else canonical_text(self.model),
            b"null" if moment is None else canonical_text(moment),
            canonical_object(self.metadata) if self.metadata else b"{}",
        )
        # A JSON array of the five, written by hand: an encoder for all of them takes several times as long.
        return hashlib.blake2b(b"[%b]" % b",".join(said), digest_size=16).hexdigest()


FIRST_DAY = dt.date(2020, 1, 1)
"""The first partition. An earlier timestamp is a mistake: nobody talked to these models then."""


def utc_day(moment: dt.datetime) -> dt.date:
    """The partition of a conversation whose first message is of ``moment``."""
    return moment.astimezone(dt.UTC).date()
