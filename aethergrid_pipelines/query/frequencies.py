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
from ahocorasick_rs import AhoCorasick, MatchKind
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
    bodies = [fragment.body for fragment in fragments]
    texts = [*bodies, *(fragment.near for fragment in fragments), *(fragment.far for fragment in fragments)]
    counts, sizes = _counts(texts, column)
    (own, near, far), (lengths, near_lengths, far_lengths) = np.split(counts, 3), np.split(sizes, 3)
    among = (own > 0).sum(axis=0)
    size = COLLECTION * len(fragments)
    return Frequencies(
        window=_saturated(own + NEAR * near + FAR * far, lengths + NEAR * near_lengths + FAR * far_lengths),
        idf=np.log1p((size - among + 0.5) / (among + 0.5)),
        lengths=lengths,
        special=_special(bodies),
    )


def _special(texts: Sequence[str]) -> Matrix:
    distinct = [set(text.split()) for text in texts]
    among = Counter(chain.from_iterable(distinct))
    rare = {term for term, count in among.items() if count <= RARE}
    return np.array([min(MANY_RARE, len(terms & rare)) for terms in distinct]) / MANY_RARE


def _counts(texts: Sequence[str], column: dict[str, int]) -> tuple[Matrix, Matrix]:
    """How often each term occurs in each text, and how many terms a text has.

    Texts are terms joined by single spaces, and few of them are asked for, so they are looked for in one pass over all
    texts: less than half of what splitting them takes.
    """
    lengths = np.array([text.count(" ") + 1 if text else 0 for text in texts], dtype=np.float64)
    if not column:
        return np.zeros((len(texts), 0)), lengths
    # A space before and after each text; two terms that follow each other share one, hence overlapping.
    ends = np.cumsum([len(text) + 2 for text in texts])
    sought = AhoCorasick([f" {term} " for term in column], matchkind=MatchKind.Standard)
    found = sought.find_matches_as_indexes("".join(f" {text} " for text in texts), overlapping=True)
    matches = np.array(found, dtype=np.int64).reshape(-1, 3)
    rows = np.searchsorted(ends, matches[:, 1], side="right")
    counts = np.bincount(rows * len(column) + matches[:, 0], minlength=len(texts) * len(column))
    return counts.reshape(len(texts), len(column)).astype(np.float64), lengths


def _saturated(counts: Matrix, lengths: Matrix) -> Matrix:
    norm = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))
    # A term that is not there is 0/0 where a text is empty.
    return counts * (K1 + 1) / np.maximum(counts + norm[:, None], 1e-9)
