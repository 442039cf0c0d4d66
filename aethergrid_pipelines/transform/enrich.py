"""Chunks → labels: topic, task type, complexity, language.

Topic and task type are learned from the texts of :mod:`.labels`, in a moment, when the embedder is opened; so they work
with any embedder. A topic is decided by the chunk's vector and by the terms in it; a task type by the vector, by the
wording, and by features of form, since whether somebody asks, orders or reports is form as much as meaning.

Penalties and weights were chosen by cross-validation over ``examples.jsonl``; the tests measure on other chunks.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Chunk, Labels
from aethergrid_pipelines.transform import features
from aethergrid_pipelines.transform.classifier import Classifier, Embed
from aethergrid_pipelines.transform.complexity import complexity
from aethergrid_pipelines.transform.labels import LabelTexts, load_labels
from aethergrid_pipelines.transform.language import language
from aethergrid_pipelines.transform.wording import Glossary, Wording

ENRICH_VERSION = "1"

TERMS = np.float32(0.5)
"""The weight of a topic's terms beside the vector."""

WORDS = np.float32(1.0)
"""The weight of the wording beside the vector, for the task type."""

TASK_FEATURES: Mapping[str, Mapping[str, float]] = {
    "code": {"coding": 0.375},
    "error": {"debugging": 0.375},
    "list": {"planning": 0.125},
    "table": {"data": 0.3},
    "letter": {"writing": 0.5},
    "question": {"explanation": 0.1, "analysis": 0.04, "debugging": 0.04, "writing": -0.125, "conversation": -0.06},
    "exclamation": {"conversation": 0.125},
    "short": {"conversation": 0.3},
    "asks_code": {"coding": 0.25},
    "asks_writing": {"writing": 0.19},
    "asks_explanation": {"explanation": 0.25},
    "asks_analysis": {"analysis": 0.25},
    "asks_planning": {"planning": 0.25},
    "asks_data": {"data": 0.25},
    "asks_research": {"research": 0.19},
}
"""What a feature at its full value adds to a task type's score."""


class Enricher:
    """Built once for an embedder, from what it makes of the labels' texts; used from any thread."""

    def __init__(self, labels: LabelTexts, embed: Embed) -> None:
        self._topics = Classifier.fit(labels.topics, embed)
        self._terms = Glossary(labels.terms)
        self._task_types = Classifier.fit(labels.task_types, embed)
        self._wording = Wording(labels.task_types)
        self._features = np.zeros((len(features.NAMES), len(labels.task_types)), np.float32)
        for name, weights in TASK_FEATURES.items():
            for label, weight in weights.items():
                self._features[features.NAMES.index(name), self._task_types.labels.index(label)] = weight

    @classmethod
    def from_embedder(cls, embed: Embed) -> "Enricher":
        """``embed`` gives vectors of length 1, shape (texts, dimension), in the space of the chunks' vectors."""
        return cls(load_labels(), embed)

    def enrich(self, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> list[Labels]:
        """One set of labels for each chunk; ``vectors`` are the chunks', of length 1, shape (chunks, dimension)."""
        if not chunks:
            return []
        texts = [chunk.text for chunk in chunks]
        parts = [features.take_apart(text) for text in texts]
        form = np.array([features.of_text(text, part) for text, part in zip(texts, parts, strict=True)], np.float32)
        topics = self._topics.scores(vectors) + TERMS * self._terms.scores(texts)
        tasks = self._task_types.scores(vectors) + WORDS * self._wording.scores(texts) + form @ self._features
        return [
            Labels(
                topic=self._topics.labels[topic],
                task_type=self._task_types.labels[task],
                complexity=complexity(text, part),
                language=language(part),
            )
            for text, part, topic, task in zip(texts, parts, topics.argmax(axis=1), tasks.argmax(axis=1), strict=True)
        ]
