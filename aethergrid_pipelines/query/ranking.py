"""Candidates → an order. Pure, the same over both vector stores."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment

CANDIDATES = 150
"""How many of the best each side contributes."""

BOOSTS = {"body": 1.0, "near": 0.5, "far": 0.4}
"""Weights of the lexical fields: the chunk, its direct neighbours, those two and three away. Set by hand on LoCoMo
(Maharana et al., 2024): neighbours bring eleven points of evidence recall at ten."""

LEXICAL_WEIGHT = 0.5
DENSE_WEIGHT = 0.5
"""Of the min-max scaled scores. On LoCoMo halves beat reciprocal rank fusion by five points at ten."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fragment with both its scores: cosine similarity −1…1, and BM25 ≥ 0 (0 where no term matches)."""

    fragment: Fragment
    similarity: float
    lexical: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its fused score, 0…1, and how many others of the same content it stands for."""

    candidate: Candidate
    score: float
    duplicates: int = 0


def rank(candidates: Sequence[Candidate]) -> list[Ranked]:
    """Best first, by the weighted sum of both scores, each scaled over these candidates; ties go by similarity, then
    by id, so that the order of the input does not matter."""
    if not candidates:
        return []
    lexical = _scaled(np.array([candidate.lexical for candidate in candidates]), lowest=0.0)
    dense = _scaled(np.array([candidate.similarity for candidate in candidates]))
    scores = LEXICAL_WEIGHT * lexical + DENSE_WEIGHT * dense
    ranked = [Ranked(candidate, float(score)) for candidate, score in zip(candidates, scores, strict=True)]
    return sorted(ranked, key=lambda hit: (-hit.score, -hit.candidate.similarity, hit.candidate.fragment.id))


def collapse(ranked: Iterable[Ranked]) -> list[Ranked]:
    """Of fragments that say the same (white space and case aside) the best one stays and counts the others."""
    first: dict[str, Ranked] = {}
    for hit in ranked:
        said = " ".join(hit.candidate.fragment.content.split()).casefold()
        kept = first.get(said)
        first[said] = hit if kept is None else Ranked(kept.candidate, kept.score, kept.duplicates + 1)
    return list(first.values())


def _scaled(scores: NDArray[np.float64], *, lowest: float | None = None) -> NDArray[np.float64]:
    """Min-max to 0…1; all zero where nothing tells them apart."""
    low = float(scores.min()) if lowest is None else lowest
    spread = float(scores.max()) - low
    return (scores - low) / spread if spread > 0 else np.zeros_like(scores)
