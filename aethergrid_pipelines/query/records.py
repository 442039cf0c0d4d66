"""What a search is asked and what it answers. JSON names are camelCase; snake_case is accepted too."""

import datetime as dt
import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from aethergrid_pipelines.records.conversation import Role

MAX_QUERY_CHARACTERS = 8_000
MAX_RESULTS = 100
MAX_FILTER_VALUES = 500

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Record(BaseModel):
    """A JSON object that refuses fields it does not know."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid", frozen=True
    )


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _printable(value: str) -> str:
    if _CONTROLS.search(value):
        raise ValueError("holds a control character, so nothing can match it")
    return value


def _in_utc(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=dt.UTC)
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("lies outside the calendar in UTC") from None


def _day_end(value: Any) -> Any:
    """A bare date as an upper bound means all of that day."""
    return f"{value}T23:59:59.999999Z" if isinstance(value, str) and _DATE.fullmatch(value.strip()) else value


def _one_line(query: str) -> str:
    query = _CONTROLS.sub(" ", query).strip()
    if not query:
        raise ValueError("is empty; ask for something")
    return query


Moment = Annotated[dt.datetime, AfterValidator(_in_utc)]
Until = Annotated[dt.datetime, BeforeValidator(_day_end), AfterValidator(_in_utc)]
Value = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_printable)]
Query = Annotated[str, Field(max_length=MAX_QUERY_CHARACTERS), AfterValidator(_one_line)]
Values = Annotated[list[Value], BeforeValidator(_as_list), Field(max_length=MAX_FILTER_VALUES)]
Roles = Annotated[list[Role], BeforeValidator(_as_list), Field(max_length=len(Role))]


def _names(plural: str, singular: str) -> AliasChoices:
    return AliasChoices(to_camel(plural), to_camel(singular), plural, singular)


class Filters(Record):
    """All conditions hold together; one value or a list, of which one has to match.

    Times are inclusive; without a zone they are UTC, and a bare date as ``before`` means all of that day.
    """

    space: Value | None = None
    source_models: Values = Field([], validation_alias=_names("source_models", "source_model"))
    task_types: Values = Field([], validation_alias=_names("task_types", "task_type"))
    topics: Values = Field([], validation_alias=_names("topics", "topic"))
    conversation_ids: Values = Field([], validation_alias=_names("conversation_ids", "conversation_id"))
    sources: Values = Field([], validation_alias=_names("sources", "source"))
    roles: Roles = Field([], validation_alias=_names("roles", "role"))
    after: Moment | None = None
    before: Until | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.after and self.before and self.after > self.before:
            raise ValueError(f"after ({self.after.isoformat()}) is later than before ({self.before.isoformat()})")
        return self


class SearchRequest(Record):
    """A question. ``min_similarity`` is a cosine similarity, 0…1. With ``recency_half_life_days``, a hit's score is
    halved for every so many days that it is old. ``diversity``, 0…1, is how much hits that are unlike the ones before
    them are preferred; with it they do not come in the order of their scores. ``explain`` shows a score's parts,
    ``highlight`` the words of each hit that the question asks for."""

    query: Query
    filters: Filters = Filters()
    max_results: int = Field(10, ge=1, le=MAX_RESULTS)
    min_similarity: float = Field(0.0, ge=0.0, le=1.0)
    return_context: bool = False
    recency_half_life_days: float | None = Field(None, gt=0.0, le=100_000.0)
    diversity: float = Field(0.0, ge=0.0, le=1.0)
    explain: bool = False
    highlight: bool = False


class Metadata(Record):
    """What is known of a fragment."""

    conversation_id: str
    message_id: str
    timestamp: dt.datetime
    role: str
    speaker: str | None
    source: str
    source_model: str | None
    title: str | None
    topic: str
    task_type: str
    complexity: float
    language: str
    tokens_used: int


class Lineage(Record):
    """Where a fragment comes from, back to the file and the line, and the run that wrote it."""

    fragment_id: str
    chunk_id: str
    message_id: str
    conversation_id: str
    title: str | None
    source: str
    origin_path: str
    origin_line: int | None
    run_id: str
    timestamp: dt.datetime
    source_model: str | None
    role: str


class Hit(Record):
    """One result. ``similarity`` is the cosine similarity to the query, 0…1; ``score`` is what ranks, 0…1, and has a
    meaning within one answer only. ``duplicates`` counts further fragments of the same content. ``explanation`` holds
    the parts that add up to the score, greatest first, where they were asked for; so are ``matched``, the words of the
    content, in small letters, that have a term of the question."""

    content: str
    similarity: float
    score: float
    duplicates: int
    metadata: Metadata
    lineage: Lineage
    context: str | None = None
    explanation: dict[str, float] | None = None
    matched: list[str] | None = None


class Stats(Record):
    """How the answer came about. ``candidates``: how many each side found, both together, and how many passed."""

    candidates: dict[str, int]
    took_ms: dict[str, float]
    collection: str | None
    embedder: str | None


class SearchResponse(Record):
    """The answer. ``context`` is one text for a model to read; ``hint`` says why there is nothing."""

    results: list[Hit]
    context: str | None = None
    hint: str | None = None
    stats: Stats
