"""Questions with their candidates and features, as the product's own search gives them, and who of them is evidence."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.query.evaluation import ALL_NEEDED, CUTOFFS, read_questions
from aethergrid_pipelines.query.features import features, sessions
from aethergrid_pipelines.query.ranking import repeated
from aethergrid_pipelines.query.records import Filters, SearchRequest
from aethergrid_pipelines.records.ids import DEFAULT_SPACE, conversation_id, message_id
from benchmarks import locomo
from benchmarks.home import Home, fresh_home

SAMPLES = "samples"


@dataclass(frozen=True, slots=True)
class Judged:
    """A question. ``figures`` has shape (candidates, features), columns in the order of ``names``; ``messages`` are
    the candidates' messages. Of ``evidence`` all are wanted, or any one with ``any_of``. ``group`` is the conversation
    that is left out together; ``sessions`` (candidates,) and ``several`` are as ranking has them."""

    group: str
    kind: str
    names: tuple[str, ...]
    figures: NDArray[np.float64]
    messages: tuple[str, ...]
    evidence: frozenset[str]
    any_of: bool
    sessions: NDArray[np.int64]
    several: bool

    @property
    def relevant(self) -> NDArray[np.bool_]:
        """Which candidates are of a message that is evidence, shape (candidates,)."""
        return np.array([message in self.evidence for message in self.messages])

    def recall(self, weights: Mapping[str, float]) -> dict[int, float]:
        """The share of the evidence among the first k messages, by k."""
        scores = self.figures @ np.array([weights.get(name, 0.0) for name in self.names])
        if self.several:
            scores -= repeated(np.argsort(-scores, kind="stable").tolist(), scores, self.sessions)
        ranked = list(dict.fromkeys(self.messages[at] for at in np.argsort(-scores, kind="stable")))
        found = {k: len(self.evidence.intersection(ranked[:k])) for k in CUTOFFS}
        return {k: float(n > 0) if self.any_of else n / len(self.evidence) for k, n in found.items()}


def of_locomo(files: Sequence[Path]) -> list[Judged]:
    """The questions of LoCoMo conversations, each asked of its own conversation."""
    conversations = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    with tempfile.TemporaryDirectory() as folder, fresh_home() as home:
        for name, conversation in conversations.items():
            lines = (json.dumps(turn) for turn in locomo.turns(conversation, name))
            (Path(folder) / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        home.import_and_materialise([folder])
        return [judged for name, conversation in conversations.items() for judged in _turns(home, name, conversation)]


def of_samples(folder: Path) -> list[Judged]:
    """The questions of the sample conversations, each asked of all of them together."""
    with fresh_home() as home:
        home.import_and_materialise([folder])
        return [
            judge(home, question.text, group=SAMPLES, kind=question.kind, evidence=set(question.evidence))
            for question in read_questions(folder / "questions.jsonl", space=DEFAULT_SPACE)
        ]


def judge(
    home: Home, text: str, *, group: str, kind: str, evidence: set[str], conversation_ids: Sequence[str] = ()
) -> Judged:
    """Ask, and note the features of what the search would rank. ``evidence`` are message ids."""
    request = SearchRequest(query=text, filters=Filters(conversation_ids=list(conversation_ids)))
    question, candidates, vector = home.asking.judged(request)
    figures = features(question, candidates.found, vector)
    message_of = {one.id: one.message_id for one in candidates.whole([one.id for one in candidates.found])}
    return Judged(
        group=group,
        kind=kind,
        names=tuple(figures),
        figures=np.stack(list(figures.values()), axis=1),
        messages=tuple(message_of[candidate.id] for candidate in candidates.found),
        evidence=frozenset(evidence),
        any_of=group == SAMPLES and kind != ALL_NEEDED,
        sessions=sessions(candidates.found),
        several=question.several,
    )


def recalls(questions: Sequence[Judged], weights: Mapping[str, float]) -> dict[str, float]:
    """Mean recall at each cutoff, and at ten by kind."""
    found = [question.recall(weights) for question in questions]
    means = {f"@{k}": float(np.mean([one[k] for one in found])) for k in CUTOFFS}
    for kind in sorted({question.kind for question in questions}):
        of_kind = [one[10] for one, question in zip(found, questions, strict=True) if question.kind == kind]
        means[f"{kind} @10"] = float(np.mean(of_kind))
    return means


def _turns(home: Home, name: str, conversation: dict[str, Any]) -> Iterator[Judged]:
    own = conversation_id(locomo.SPACE, locomo.SOURCE, name)
    known = {turn["id"] for turn in locomo.turns(conversation, name)}
    for question in locomo.questions(conversation, known):
        evidence = {message_id(own, turn) for turn in question.evidence}
        kind = locomo.CATEGORIES[question.category]
        yield judge(home, question.text, group=name, kind=kind, evidence=evidence, conversation_ids=[own])
