"""What an answer is asked with and what it holds. JSON names are camelCase; snake_case is accepted too."""

from typing import Literal

from pydantic import Field

from aethergrid_pipelines.query.pack_records import MAX_BUDGET, CountedBy, PackItem
from aethergrid_pipelines.query.records import Filters, Query, Record, Value

MAX_ANSWER_TOKENS = 100_000


class AnswerRequest(Record):
    """A question. ``max_tokens`` bounds the answer, ``token_budget`` the passages that the model is given; ``model`` is
    another one of the configured service. All three are as the settings say where they are absent. With ``stream`` the
    answer comes as server-sent events. The others are as in a search."""

    query: Query
    filters: Filters = Filters()
    max_tokens: int | None = Field(None, ge=1, le=MAX_ANSWER_TOKENS)
    token_budget: int | None = Field(None, ge=0, le=MAX_BUDGET)
    model: Value | None = None
    min_similarity: float = Field(0.0, ge=0.0, le=1.0)
    recency_half_life_days: float | None = Field(None, gt=0.0, le=100_000.0)
    stream: bool = False


class Delta(Record):
    """A piece of an answer that is still being written."""

    text: str


class Usage(Record):
    """Tokens by the account of the service; ``None`` where it gives none."""

    input_tokens: int | None
    output_tokens: int | None


class Given(Record):
    """What the model was given: tokens of the passages, the budget, who counted, and how many passages."""

    tokens: int
    token_budget: int
    counted_by: CountedBy
    passages: int


class AnswerResponse(Record):
    """``answer`` cites passages as ``[2]``; ``citations`` holds those that are cited, by ascending ``number``.

    ``answered`` is false where the answer is that nobody knows, and ``reason`` says why: ``empty``, nothing was found
    and no model was asked; ``unsupported``, the model says that the passages do not tell; ``uncited``, what it wrote
    cites none of them. ``cut``: the answer reached ``max_tokens``. ``hint`` says why nothing was found.
    """

    answer: str
    answered: bool
    reason: Literal["empty", "unsupported", "uncited"] | None = None
    citations: list[PackItem]
    cut: bool
    model: str | None
    usage: Usage | None
    given: Given
    hint: str | None = None
    took_ms: dict[str, float]
