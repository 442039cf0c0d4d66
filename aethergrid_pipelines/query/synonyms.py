"""Related terms of a term: «instrument» is answered by «guitar», «violin» and «clarinet».

The table holds, for 13,000 English words, up to sixteen others whose vectors by all-MiniLM-L6-v2 are nearest, from a
cosine of 0.5 on. It is made by ``scripts/synonyms.py`` from the words of that model's own vocabulary, hence costs no
embedding at query time and serves every embedder.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).parent / "synonyms.npz"
COSINE_SCALE = 255.0
_reading = Lock()


@dataclass(frozen=True, slots=True)
class Synonyms:
    """``first[i]``…``first[i + 1]`` are the related terms of the i-th term in ``related`` and ``cosines``."""

    terms: list[str]
    place: dict[str, int]
    first: NDArray[np.int32]
    related: NDArray[np.uint16]
    cosines: NDArray[np.uint8]

    def of(self, term: str) -> list[tuple[str, float]]:
        """Related terms and their cosine 0.5…1, nearest first; none for a term that the table does not hold."""
        at = self.place.get(term)
        if at is None:
            return []
        span = slice(int(self.first[at]), int(self.first[at + 1]))
        cosines = (self.cosines[span] / COSINE_SCALE).tolist()
        return [(self.terms[other], cosine) for other, cosine in zip(self.related[span].tolist(), cosines, strict=True)]


def synonyms() -> Synonyms:
    """The table; read on first use, 1 MB in memory."""
    # The first questions may come at once.
    with _reading:
        return _read()


@lru_cache(maxsize=1)
def _read() -> Synonyms:
    with np.load(FILE, allow_pickle=False) as stored:
        terms = bytes(stored["terms"]).decode().split("\n")
        place = {term: at for at, term in enumerate(terms)}
        return Synonyms(terms, place, stored["first"], stored["related"], stored["cosines"])


def write(terms: list[str], vectors: NDArray[np.float32], *, most: int = 16, least: float = 0.5) -> None:
    """Write the table from terms and their vectors of length 1, shape (terms, dimension)."""
    first, related, cosines = [0], [], []
    for start in range(0, len(terms), 1_000):
        near = vectors[start : start + 1_000] @ vectors.T
        for row, similar in enumerate(near):
            similar[start + row] = 0.0
            best = np.argsort(-similar, kind="stable")[:most]
            best = best[similar[best] >= least]
            related.append(best.astype(np.uint16))
            cosines.append(np.rint(np.minimum(similar[best], 1.0) * COSINE_SCALE).astype(np.uint8))
            first.append(first[-1] + len(best))
    np.savez_compressed(
        FILE,
        terms=np.frombuffer("\n".join(terms).encode(), np.uint8),
        first=np.array(first, np.int32),
        related=np.concatenate(related),
        cosines=np.concatenate(cosines),
    )
