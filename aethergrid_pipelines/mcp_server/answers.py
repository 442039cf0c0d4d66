"""What the tools answer as structured content. The same things as text are in :mod:`.text`."""

import datetime as dt

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A JSON object in snake_case, as the tools' arguments are."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Passage(Answer):
    """Something that was said. ``source`` is the file and the line where it was captured; ``cut``: not all of it."""

    content: str
    said_by: str
    said_at: dt.datetime
    title: str | None
    similarity: float
    conversation_id: str
    message_id: str
    source: str
    cut: bool = False


class Passages(Answer):
    """``left_out`` were found too, and did not fit into the budget; ``hint`` says why there is nothing."""

    results: list[Passage]
    left_out: int = 0
    hint: str | None = None


class ContextSource(Answer):
    """A conversation, and which numbered passages of a context pack are of it. The text has model and date."""

    conversation_id: str
    passages: list[int]


class ContextPack(Answer):
    """``text`` is for a prompt. ``left_out`` hits found no room or say what others say; ``counted_by`` names the
    tokenizer that counted."""

    text: str
    sources: list[ContextSource]
    left_out: int
    counted_by: str
    hint: str | None = None


class Turn(Answer):
    """A message of a conversation."""

    content: str
    said_by: str
    said_at: dt.datetime
    message_id: str
    source: str
    cut: bool = False


class ConversationPart(Answer):
    """Messages ``offset``… of a conversation; ``next_offset`` is where the rest begins."""

    conversation_id: str
    title: str | None
    captured_by: str
    message_count: int
    offset: int
    next_offset: int | None
    messages: list[Turn]


class Remembered(Answer):
    """``outcome``: stored, merged (it was there already), updated, spooled or skipped."""

    outcome: str
    conversation_id: str | None
    message_id: str | None
    searchable: bool
    note: str


class Count(Answer):
    """How many passages there are of a model, a topic or a task type."""

    name: str
    passages: int


class MemoryStats(Answer):
    """What the memory holds. ``waiting`` messages are captured and not in the conversation store yet."""

    space: str
    conversations: int
    messages: int
    passages: int
    first_day: dt.date | None
    last_day: dt.date | None
    models: list[Count]
    topics: list[Count]
    task_types: list[Count]
    waiting: int
