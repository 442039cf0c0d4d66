"""What both vector stores share: names of collections, and how the best candidates are cut off."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.vectors import ALIAS, DimensionMismatch

# What Weaviate accepts as the name of a class; LanceDB then has no trouble with it either.
COLLECTION_NAME = re.compile(r"[A-Z][A-Za-z0-9_]{0,127}")

MOST_TIED = 5_000
"""Of more candidates of equal score than this, an arbitrary part is returned."""


def physical_name(collection: str) -> str:
    """``collection`` if it may name a new collection; raises ``ValueError`` otherwise."""
    if collection == ALIAS:
        raise ValueError(f"{ALIAS} is the alias of the active collection; give the collection another name")
    if COLLECTION_NAME.fullmatch(collection) is None:
        raise ValueError(f"{collection!r} is no name of a collection: a capital letter, then letters, digits and _")
    return collection


class Ranks(Protocol):
    """Something that has a place in an order: smaller is better."""

    @property
    def rank(self) -> tuple[float, str]: ...


Placed = TypeVar("Placed", bound=Ranks)


def best(search: Callable[[int], list[Placed]], limit: int) -> list[Placed]:
    """The ``limit`` best by (score descending, id), where ``search(n)`` gives any ``n`` best.

    Equal texts have equal vectors and equal scores, so a store's own cut among equals is arbitrary: candidates are
    asked for until the last one scores below the cut.
    """
    if limit <= 0:
        return []
    asked = limit + 8
    while True:
        found = sorted(search(asked), key=lambda one: one.rank)
        exhausted = len(found) < asked or asked >= limit + MOST_TIED
        if exhausted or found[-1].rank[0] > found[limit - 1].rank[0]:
            return found[:limit]
        asked = min(asked * 4, limit + MOST_TIED)


def in_order(fragments: Iterable[Fragment], ids: Sequence[str]) -> list[Fragment]:
    """Those of these ids, in their order; without those that are not there."""
    there = {fragment.id: fragment for fragment in fragments}
    return [there[id_] for id_ in ids if id_ in there]


def cosines(matrix: NDArray[np.float32], query: NDArray[np.float32]) -> list[float]:
    """The cosine similarity −1…1 of ``query``, shape (dimension,), to each row of ``matrix``, (rows, dimension)."""
    lengths = np.linalg.norm(matrix, axis=1) * float(np.linalg.norm(query))
    found: list[float] = np.clip(matrix @ query / np.maximum(lengths, 1e-12), -1.0, 1.0).tolist()
    return found


def distinct(terms: Sequence[str]) -> list[str]:
    """The terms, each once, in order. A term that holds white space is several, as it is in the fields."""
    return list(dict.fromkeys(word for term in terms for word in term.split()))


def latest(fragments: Sequence[Fragment], dimension: int) -> list[Fragment]:
    """One fragment for each id, the last one given; raises :class:`DimensionMismatch` that names the first misfit."""
    for fragment in fragments:
        if len(fragment.vector) != dimension:
            given = len(fragment.vector)
            raise DimensionMismatch(f"fragment {fragment.id} has {given} dimensions, its collection has {dimension}")
    return list({fragment.id: fragment for fragment in fragments}.values())
