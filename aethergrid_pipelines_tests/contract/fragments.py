"""Fragments for tests: only what a test is about is said, the rest is filled in."""

import datetime as dt
import uuid
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.vectors import RANKED, Candidate, FragmentFilter

DIMENSION = 16
EMBEDDER = "test-embedder"
START = dt.datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
EVERYTHING = FragmentFilter(space="default")


def unit_vectors(count: int, *, seed: int = 0, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Random directions, float32 of shape (count, dimension)."""
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def fragment(number: int, **given: Any) -> Fragment:
    """The fragment of this number, always with the same id."""
    values: dict[str, Any] = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"fragment-{number}")),
        "space": "default",
        "conversation_id": "conversation-1",
        "message_id": f"message-{number}",
        "chunk_id": f"chunk-{number}",
        "ordinal": number,
        "content": f"content of {number}",
        "timestamp": START + dt.timedelta(minutes=number),
        "role": "user",
        "speaker": "Ada",
        "source": "claude-code",
        "source_model": "claude",
        "title": "A title",
        "topic": "databases",
        "task_type": "question",
        "complexity": 0.25,
        "language": "en",
        "tokens_used": 12,
        "terms": f"word{number} shared",
        "embedder": EMBEDDER,
        "origin_path": "export.json",
        "origin_line": 7,
        "run_id": "run-1",
        "vector": unit_vectors(1, seed=number)[0].tolist(),
    }
    return Fragment.model_validate({**values, **given})


def as_candidate(found: Fragment, similarity: float, lexical: float) -> Candidate:
    """What ranking reads of a fragment, with its scores."""
    return Candidate(**found.model_dump(include=set(RANKED)), similarity=similarity, lexical=lexical)
