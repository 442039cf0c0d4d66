"""BM25 over the candidates of one question, from the terms that they carry with them.

Robertson and Zaragoza, «The Probabilistic Relevance Framework: BM25 and Beyond», 2009. A candidate's neighbours lend
it their terms at a discount before saturation, as in that paper's section on fields (BM25F), which measured better than
the sum of three scores that a store gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, MatchKind
from numpy.typing import NDArray

from aethergrid_pipelines.transform.window import read_fields

K1, B = 0.9, 0.4
NEAR, FAR = 0.4, 0.2
"""What a term of a direct neighbour counts, and one of those two and three away. On LoCoMo (Maharana et al., 2024) as
good as a kernel over six neighbours on both sides."""

COLLECTION = 4
"""Document frequencies are those among the candidates, which hold all fragments with a rare term and are themselves
the most alike to the question; the collection is taken to be this many times as large. On LoCoMo within half a point
of the exact frequencies, and the same over every store."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frequencies:
    """``window``, shape (candidates, terms), is how often each term occurs in and around each candidate, saturated to
    0…K1 + 1; ``idf`` has shape (terms,); ``lengths``, shape (candidates,), says how many terms each has itself."""

    window: Matrix
    idf: Matrix
    lengths: Matrix


def frequencies(written: Sequence[str], terms: Sequence[str]) -> Frequencies:
    """Those of ``terms``, which are distinct, in the ``terms`` of candidates, of which there is at least one."""
    column = {term: at for at, term in enumerate(terms)}
    fields = [read_fields(one) for one in written]
    bodies = [field.body for field in fields]
    texts = [*bodies, *(field.near for field in fields), *(field.far for field in fields)]
    counts, sizes = _counts(texts, column)
    (own, near, far), (lengths, near_lengths, far_lengths) = np.split(counts, 3), np.split(sizes, 3)
    among = (own > 0).sum(axis=0)
    size = COLLECTION * len(fields)
    return Frequencies(
        window=_saturated(own + NEAR * near + FAR * far, lengths + NEAR * near_lengths + FAR * far_lengths),
        idf=np.log1p((size - among + 0.5) / (among + 0.5)),
        lengths=lengths,
    )


def _counts(texts: Sequence[str], column: dict[str, int]) -> tuple[Matrix, Matrix]:
    """How often each term occurs in each text, and how many terms a text has.

    Texts are terms joined by single spaces, and few of them are asked for, so they are looked for in one pass over all
    texts: less than half of what splitting them takes.
    """
    # A space before and after each text; two terms that follow each other share one, hence overlapping.
    written = [text.encode() for text in texts]
    joined = b" %b " % b"  ".join(written)
    sizes = np.array([len(text) + 2 for text in written])
    ends = np.cumsum(sizes)
    spaces = np.flatnonzero(np.frombuffer(joined, np.uint8) == ord(" "))
    lengths = (np.diff(np.searchsorted(spaces, ends), prepend=0) - 1) * (sizes > len("  "))
    if not column:
        return np.zeros((len(texts), 0)), lengths.astype(np.float64)
    sought = BytesAhoCorasick([f" {term} ".encode() for term in column], matchkind=MatchKind.Standard)
    found = sought.find_matches_as_indexes(joined, overlapping=True)
    matches = np.fromiter(chain.from_iterable(found), np.int64, 3 * len(found)).reshape(-1, 3)
    rows = np.searchsorted(ends, matches[:, 1], side="right")
    counts = np.bincount(rows * len(column) + matches[:, 0], minlength=len(texts) * len(column))
    return counts.reshape(len(texts), len(column)).astype(np.float64), lengths.astype(np.float64)


def _saturated(counts: Matrix, lengths: Matrix) -> Matrix:
    norm = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))
    # A term that is not there is 0/0 where a text is empty.
    return counts * (K1 + 1) / np.maximum(counts + norm[:, None], 1e-9)
