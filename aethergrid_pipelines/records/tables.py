"""The tables of the catalog: what the flow produced, from which input, by which code.

Migrations are in ``sql/catalog``; a change here needs one (``make migration name=…``).

The keys of what belongs to a conversation begin with it. Ids are hashes: an index by them alone is written to in
another place for every row, which costs more the longer the history is.
"""

import datetime as dt

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Table
from sqlmodel import Field, SQLModel

from aethergrid_pipelines.records.columns import UtcDateTime
from aethergrid_pipelines.records.flow import Chunk, CleanedMessage, Labels, TopicStat


class ConversationRow(SQLModel, table=True):
    """A conversation as ``raw_conversations`` last saw it in the conversation store."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_latest", "space", "last_at"),)

    id: str = Field(primary_key=True, max_length=36)
    space: str = Field(max_length=64)
    source: str = Field(max_length=64)
    native_id: str
    title: str | None = None
    day: dt.date = Field(index=True)
    first_at: dt.datetime = Field(sa_type=UtcDateTime)
    last_at: dt.datetime = Field(sa_type=UtcDateTime)
    message_count: int


class StepState(SQLModel, table=True):
    """What a step last made of a conversation: from which input, by which code, with which result."""

    __tablename__ = "step_states"
    __table_args__ = (Index("ix_step_states_step_day", "step", "day"),)

    step: str = Field(primary_key=True, max_length=32)
    conversation_id: str = Field(primary_key=True, max_length=36)
    day: dt.date
    input_version: str = Field(max_length=64)
    code_version: str = Field(max_length=128)
    output_version: str = Field(max_length=64)
    rows: int
    processed_at: dt.datetime = Field(sa_type=UtcDateTime)
    run_id: str = Field(max_length=64)


class CleanedMessageRow(CleanedMessage, table=True):
    """Output of ``cleaned_messages``."""

    __tablename__ = "cleaned_messages"
    __table_args__ = (PrimaryKeyConstraint("conversation_id", "id"),)


class ChunkRow(Chunk, table=True):
    """Output of ``chunks``."""

    __tablename__ = "chunks"
    __table_args__ = (PrimaryKeyConstraint("conversation_id", "id"),)


class ChunkEmbedding(SQLModel, table=True):
    """Output of ``embeddings``: which vector belongs to a chunk."""

    __tablename__ = "chunk_embeddings"
    __table_args__ = (Index("ix_chunk_embeddings_vector", "embedder", "sha256"),)

    conversation_id: str = Field(primary_key=True, max_length=36)
    embedder: str = Field(primary_key=True, max_length=128)
    chunk_id: str = Field(primary_key=True, max_length=36)
    sha256: str = Field(max_length=64)


class Vector(SQLModel, table=True):
    """A vector, addressed by its embedder and the SHA-256 of the text; little-endian float32, ``dimension`` of them."""

    __tablename__ = "vectors"

    embedder: str = Field(primary_key=True, max_length=128)
    sha256: str = Field(primary_key=True, max_length=64)
    dimension: int
    vector: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: dt.datetime = Field(sa_type=UtcDateTime)


class FragmentRow(Labels, table=True):
    """The ledger: every fragment that the vector store may hold.

    A row is written as ``pending`` before its fragment is sent and becomes ``stored`` after, so that the ledger never
    knows less than the store.
    """

    __tablename__ = "fragments"
    __table_args__ = (PrimaryKeyConstraint("conversation_id", "collection", "id"),)

    id: str = Field(primary_key=True, max_length=36)
    collection: str = Field(primary_key=True, max_length=128)
    conversation_id: str = Field(primary_key=True, max_length=36)
    chunk_id: str = Field(max_length=36)
    payload_sha256: str = Field(max_length=64)
    state: str = Field(max_length=8)
    source_model: str | None = None
    timestamp: dt.datetime = Field(sa_type=UtcDateTime)
    tokens_used: int = Field(sa_type=BigInteger)
    run_id: str = Field(max_length=64)
    written_at: dt.datetime = Field(sa_type=UtcDateTime)


class IndexVersion(SQLModel, table=True):
    """One row: another ``version`` after every change of what a query can find."""

    __tablename__ = "index_version"

    id: int = Field(primary_key=True)
    version: str = Field(max_length=32)


class TopicStatRow(TopicStat, table=True):
    """Output of ``topic_stats``."""

    __tablename__ = "topic_stats"


class ImportedFile(SQLModel, table=True):
    """The account of one captured file: ``read = stored + merged + skipped + rejected``, in records.

    ``updated`` are those of ``stored`` that replaced an older content, ``mended`` those that had to be repaired;
    ``redacted`` counts secrets that were replaced, ``flagged`` those that were left in, ``secrets`` both by kind;
    ``complete`` is whether the file was read to its end, and ``error`` why not. ``fingerprint`` names the file as it
    was then and what read it; ``receipt`` is the conversation store's, given afterwards (both in hexadecimal digits).
    """

    __tablename__ = "imported_files"

    space: str = Field(primary_key=True, max_length=64)
    source: str = Field(primary_key=True, max_length=64)
    path: str = Field(primary_key=True)
    size: int = Field(sa_type=BigInteger)
    modified_at: dt.datetime = Field(sa_type=UtcDateTime)
    read: int
    stored: int
    updated: int
    merged: int
    skipped: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    rejected: int
    mended: int
    redacted: int = 0
    flagged: int = 0
    secrets: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    complete: bool
    error: str | None = None
    imported_at: dt.datetime = Field(sa_type=UtcDateTime)
    fingerprint: str | None = Field(default=None, max_length=64)
    receipt: str | None = Field(default=None, max_length=64)


class Reject(SQLModel, table=True):
    """A record that could not be read: where it stands and why. Its content is not kept here."""

    __tablename__ = "rejects"

    id: str = Field(primary_key=True, max_length=36)
    space: str = Field(index=True, max_length=64)
    source: str = Field(max_length=64)
    path: str
    line: int | None = None
    field: str | None = None
    reason: str
    rejected_at: dt.datetime = Field(sa_type=UtcDateTime)


class Cursor(SQLModel, table=True):
    """How far a reader of the change feed has come."""

    __tablename__ = "cursors"

    name: str = Field(primary_key=True, max_length=64)
    value: str
    updated_at: dt.datetime = Field(sa_type=UtcDateTime)


class Lease(SQLModel, table=True):
    """Who does something that needs to be done once; free again when it has not been renewed in time."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True, max_length=64)
    holder: str = Field(max_length=128)
    expires_at: dt.datetime = Field(sa_type=UtcDateTime)


def table_of(row_class: type[SQLModel]) -> Table:
    """The SQLAlchemy table behind a row class, for Core statements: rows in bulk need no ORM."""
    return SQLModel.metadata.tables[str(row_class.__tablename__)]
