"""BM25 over the candidates of one question, from the terms that they carry with them.

Robertson and Zaragoza, «The Probabilistic Relevance Framework: BM25 and Beyond», 2009. A candidate's neighbours lend
it their terms at a discount before saturation, as in that paper's section on fields (BM25F), which measured better than
the sum of three scores that a store gives.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment

K1, B = 0.9, 0.4
NEAR, FAR = 0.4, 0.2
"""What a term of a direct neighbour counts, and one of those two and three away. On LoCoMo (Maharana et al., 2024) as
good as a kernel over six neighbours on both sides."""

COLLECTION = 4
"""Document frequencies are those among the candidates, which hold all fragments with a rare term and are themselves
the most alike to the question; the collection is taken to be this many times as large. On LoCoMo within half a point
of the exact frequencies, and the same over every store."""

RARE, MANY_RARE = 2, 4
"""A term that at most so many candidates hold is rare; so many of them make a candidate as special as can be."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frequencies:
    """``window``, shape (candidates, terms), is how often each term occurs in and around each candidate, saturated to
    0…K1 + 1; ``idf`` has shape (terms,); ``lengths``, shape (candidates,), says how many terms each has itself;
    ``special``, of the same shape, is 0…1 by how many of these hardly any other candidate has."""

    window: Matrix
    idf: Matrix
    lengths: Matrix
    special: Matrix


def frequencies(fragments: Sequence[Fragment], terms: Sequence[str]) -> Frequencies:
    """Those of ``terms``, which are distinct, in ``fragments``, of which there is at least one."""
    column = {term: at for at, term in enumerate(terms)}
    own, lengths = _counts([fragment.body for fragment in fragments], column)
    near, near_lengths = _counts([fragment.near for fragment in fragments], column)
    far, far_lengths = _counts([fragment.far for fragment in fragments], column)
    among = (own > 0).sum(axis=0)
    size = COLLECTION * len(fragments)
    return Frequencies(
        window=_saturated(own + NEAR * near + FAR * far, lengths + NEAR * near_lengths + FAR * far_lengths),
        idf=np.log1p((size - among + 0.5) / (among + 0.5)),
        lengths=lengths,
        special=_special([fragment.body for fragment in fragments]),
    )


def _special(texts: Sequence[str]) -> Matrix:
    distinct = [set(text.split()) for text in texts]
    among = Counter(chain.from_iterable(distinct))
    rare = {term for term, count in among.items() if count <= RARE}
    return np.array([min(MANY_RARE, len(terms & rare)) for terms in distinct]) / MANY_RARE


def _counts(texts: Sequence[str], column: dict[str, int]) -> tuple[Matrix, Matrix]:
    """How often each term occurs in each text, and how many terms a text has."""
    places: list[int] = []
    lengths = []
    width = len(column)
    for row, text in enumerate(texts):
        words = text.split()
        lengths.append(len(words))
        start = row * width
        places += [start + column[word] for word in words if word in column]
    counts = np.bincount(np.array(places, dtype=np.int64), minlength=width * len(texts)).reshape(len(texts), width)
    return counts.astype(np.float64), np.array(lengths, dtype=np.float64)


def _saturated(counts: Matrix, lengths: Matrix) -> Matrix:
    norm = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))
    # A term that is not there is 0/0 where a text is empty.
    return counts * (K1 + 1) / np.maximum(counts + norm[:, None], 1e-9)
