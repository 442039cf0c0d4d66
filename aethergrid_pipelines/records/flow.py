"""What the steps of the flow hand to each other: cleaned messages, chunks, fragments, statistics.

These are plain records; :mod:`aethergrid_pipelines.records.tables` says which tables keep them.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, SQLModel

from aethergrid_pipelines.records.columns import UtcDateTime


class CleanedMessage(SQLModel):
    """A message as the chunker reads it. There is one for each captured message, also where nothing is left of it.

    ``noise`` holds what was separated from what people and models said, as ``{"kind": …, "text": …}``;
    ``dropped`` is the reason why nothing of the message goes on (``empty``, ``alternate``, ``duplicate``, ``tool``),
    else ``None``; ``duplicate_of`` is then the id of the message that it repeats.
    """

    id: str = Field(primary_key=True, max_length=36)
    conversation_id: str = Field(primary_key=True, max_length=36)
    position: int
    timestamp: dt.datetime = Field(sa_type=UtcDateTime)
    role: str = Field(max_length=16)
    speaker: str | None = None
    model: str | None = None
    content: str
    noise: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON)
    dropped: str | None = None
    duplicate_of: str | None = Field(default=None, max_length=36)
    tokens_used: int | None = Field(default=None, sa_type=BigInteger)
    origin_path: str
    origin_line: int | None = None


class Chunk(SQLModel):
    """A piece of one message, within the embedder's window, cut at a semantic boundary.

    ``text`` is ``content[start:end]`` of the cleaned message. ``heading`` is the path of the headings above it.
    ``sha256`` is of :func:`aethergrid_pipelines.transform.chunk.embedded_text`, which is what the embedder sees, and
    ``tokens`` counts that text as the embedder's model counts it.
    """

    id: str = Field(primary_key=True, max_length=36)
    conversation_id: str = Field(primary_key=True, max_length=36)
    message_id: str = Field(max_length=36)
    ordinal: int
    part: int
    start: int
    end: int
    timestamp: dt.datetime = Field(sa_type=UtcDateTime)
    role: str = Field(max_length=16)
    speaker: str | None = None
    model: str | None = None
    heading: str | None = None
    text: str
    tokens: int
    sha256: str = Field(max_length=64)
    tokens_used: int | None = Field(default=None, sa_type=BigInteger)
    origin_path: str
    origin_line: int | None = None


class Labels(SQLModel):
    """What enrichment says of a chunk. ``complexity`` is 0…1; ``language`` is an ISO 639-1 code or ``code``."""

    topic: str = Field(max_length=64)
    task_type: str = Field(max_length=32)
    complexity: float
    language: str = Field(max_length=16)


class Fragment(SQLModel):
    """A chunk with its vector and its metadata, as the vector store keeps it.

    ``terms`` are the analysed terms of the chunk and of its neighbours, for lexical search
    (:mod:`aethergrid_pipelines.transform.window`). ``surroundings`` is the mean direction of the vectors around it
    (:mod:`aethergrid_pipelines.transform.surroundings`) and ``traits`` says what kind of text it is
    (:mod:`aethergrid_pipelines.transform.traits`); both are empty in fragments of older versions. ``vector`` has the
    embedder's dimension and length 1. ``run_id`` is the run that wrote the fragment.
    """

    id: str
    space: str
    conversation_id: str
    message_id: str
    chunk_id: str
    ordinal: int
    content: str
    timestamp: dt.datetime
    role: str
    speaker: str | None = None
    source: str
    source_model: str | None = None
    title: str | None = None
    topic: str
    task_type: str
    complexity: float
    language: str
    tokens_used: int
    terms: str
    surroundings: str = Field(default="", repr=False)
    traits: str = ""
    embedder: str
    origin_path: str
    origin_line: int | None = None
    run_id: str
    vector: Sequence[float] = Field(default_factory=list, repr=False)

    def payload(self) -> dict[str, Any]:
        """What, when it differs, has to be sent again: all but the vector (its text decides it) and the run."""
        values = dict(self)
        del values["vector"], values["run_id"]
        return values


class TopicStat(SQLModel):
    """How much one conversation says on one topic, by task type and model. Views add these up."""

    conversation_id: str = Field(primary_key=True, max_length=36)
    topic: str = Field(primary_key=True, max_length=64)
    task_type: str = Field(primary_key=True, max_length=32)
    source_model: str = Field(primary_key=True)
    space: str = Field(index=True, max_length=64)
    day: dt.date = Field(index=True)
    fragments: int
    tokens: int = Field(sa_type=BigInteger)
    complexity: float
    first_at: dt.datetime = Field(sa_type=UtcDateTime)
    last_at: dt.datetime = Field(sa_type=UtcDateTime)
