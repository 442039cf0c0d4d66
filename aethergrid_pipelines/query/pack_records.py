"""What a context pack is asked with and what it holds. JSON names are camelCase; snake_case is accepted too."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from aethergrid_pipelines.query.records import Filters, Lineage, Query, Record, Value, Values

MAX_BUDGET = 10_000_000
DEFAULT_BUDGET = 2_000


def _known_task_type(value: str) -> str:
    from aethergrid_pipelines.transform.labels import load_labels

    known = load_labels().task_types
    if value not in known:
        raise ValueError(f"is not a task type; there are {', '.join(known)}")
    return value


class PackRequest(Record):
    """A task that somebody is about to do. ``task_type`` prefers fragments of that type and excludes no other;
    ``filters.task_types`` would. ``token_budget`` is counted by the tokenizer of ``model`` where its vocabulary is
    there. ``numbered`` puts ``[1]``, ``[2]``… before the passages. Hits in ``except_conversations`` (ids) are passed
    over: whoever asks has these before them. The others are as in a search."""

    task: Query
    task_type: Annotated[Value, AfterValidator(_known_task_type)] | None = None
    token_budget: int = Field(DEFAULT_BUDGET, ge=0, le=MAX_BUDGET)
    model: Value | None = None
    filters: Filters = Filters()
    min_similarity: float = Field(0.0, ge=0.0, le=1.0)
    recency_half_life_days: float | None = Field(None, gt=0.0, le=100_000.0)
    numbered: bool = False
    except_conversations: Values = Field([])


class CountedBy(Record):
    """The tokenizer that counted. ``exact``: it is the model's own; if not, ``note`` says why."""

    name: str
    exact: bool
    note: str | None = None


class PackItem(Record):
    """A passage: fragments of one conversation that follow each other, with a :class:`Lineage` each, in order.

    ``content`` is as it stands in the text, without what stands above it; where ``cut``, its last fragment is shown in
    part. ``score`` is that of its best hit; ``matched`` are the ids of its fragments that were hits, the others were
    said around them. ``models`` are those that speak in it. Times are UTC.
    """

    number: int
    content: str
    tokens: int
    score: float | None
    cut: bool
    conversation_id: str
    title: str | None
    source: str
    models: list[str]
    first_at: dt.datetime
    last_at: dt.datetime
    matched: list[str]
    lineage: list[Lineage]


class LeftOut(Record):
    """A hit that is not in the pack: there was no room, or ``same_as``, the id of a fragment, says the same."""

    fragment_id: str
    conversation_id: str
    score: float
    reason: Literal["budget", "repetition"]
    same_as: str | None = None


class PackStats(Record):
    """How the pack came about: how many fragments were found and how many stood around them, and times."""

    hits: int
    around: int
    took_ms: dict[str, float]
    collection: str | None
    embedder: str | None


class Pack(Record):
    """``text`` is for a prompt; it has ``tokens`` tokens, at most ``token_budget``. ``items`` are its passages in the
    same order. ``hint`` says why there is nothing."""

    text: str
    tokens: int
    token_budget: int
    counted_by: CountedBy
    items: list[PackItem]
    left_out: list[LeftOut]
    hint: str | None = None
    stats: PackStats
