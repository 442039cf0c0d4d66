"""How well search finds what is known to answer a question: recall on judged questions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aethergrid_pipelines.query.records import SearchRequest
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.records.ids import conversation_id, message_id

CUTOFFS = (5, 10, 25, 50)

MAX_HITS = 100
"""Hits that are asked for: several may be of one message, and messages are what is counted."""

ALL_NEEDED = "multi-hop"
"""The kind of question whose answer needs all of its evidence; of any other kind, one message of it suffices."""


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """A question and the ids of the messages that answer it."""

    text: str
    kind: str
    evidence: frozenset[str]

    def recall(self, ranked: Sequence[str], k: int) -> float:
        """Of distinct message ids, best first: 1 where one of the first ``k`` is evidence, else 0; where all of it is
        needed, the share of it among them."""
        found = len(self.evidence.intersection(ranked[:k]))
        return found / len(self.evidence) if self.kind == ALL_NEEDED else float(found > 0)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means over ``questions``: recall by cutoff, and at ten by kind. ``missed`` are the questions with nothing of
    their evidence among the first ten."""

    questions: int
    recall: dict[int, float]
    by_kind: dict[str, float]
    missed: list[str]


def read_questions(path: Path, *, space: str) -> list[JudgedQuestion]:
    """The questions of a JSONL file: ``question``, ``kind`` (optional), and ``evidence``, a list of message ids as
    search shows them in a hit's lineage, or of ``[source, conversation, message]`` by the source's own ids.

    Raises ``ValueError`` that names file, line and field, and ``OSError`` where the file cannot be read.
    """
    questions = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                questions.append(_Record.model_validate_json(line).judged(space))
            except ValidationError as error:
                first = error.errors()[0]
                field = ".".join(str(part) for part in first["loc"])
                raise ValueError(f"{path}, line {number}, {field or 'the record'}: {first['msg']}") from error
    return questions


def evaluate(search: Search, questions: Iterable[JudgedQuestion]) -> Evaluation:
    """Ask every question of the whole memory. Raises what :meth:`Search.search` raises."""
    asked: list[tuple[JudgedQuestion, list[str]]] = []
    for question in questions:
        hits = search.search(SearchRequest(query=question.text, max_results=MAX_HITS)).results
        asked.append((question, list(dict.fromkeys(hit.lineage.message_id for hit in hits))))
    kinds = sorted({question.kind for question, _ in asked})
    return Evaluation(
        questions=len(asked),
        recall={k: _mean([question.recall(ranked, k) for question, ranked in asked]) for k in CUTOFFS},
        by_kind={kind: _mean([one.recall(ranked, 10) for one, ranked in asked if one.kind == kind]) for kind in kinds},
        missed=[question.text for question, ranked in asked if not question.recall(ranked, 10)],
    )


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1)
    kind: str = "question"
    evidence: list[str | tuple[str, str, str]] = Field(min_length=1)

    def judged(self, space: str) -> JudgedQuestion:
        ids = (item if isinstance(item, str) else _message(space, *item) for item in self.evidence)
        return JudgedQuestion(self.question, self.kind, frozenset(ids))


def _message(space: str, source: str, conversation: str, message: str) -> str:
    return message_id(conversation_id(space, source, conversation), message)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0
