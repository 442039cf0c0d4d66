"""The vector store: fragments by collection, dense and lexical candidates with their scores.

Ranking is not done here: both implementations deliver candidates, :mod:`aethergrid_pipelines.query` ranks them.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment

ALIAS = "IntelligenceFragment"
"""The name under which the active collection is known."""


class DimensionMismatch(Exception):
    """A vector, or a setting, has another dimension than the collection."""


class CollectionMissing(Exception):
    """There is no such collection (yet)."""


@dataclass(frozen=True, slots=True)
class FragmentFilter:
    """All conditions hold together; an empty tuple or ``None`` is no condition. Times are inclusive, in UTC."""

    space: str
    conversation_ids: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    source_models: tuple[str, ...] = ()
    task_types: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    after: dt.datetime | None = None
    before: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A fragment (without its vector) and its score: cosine similarity −1…1, or BM25 ≥ 0."""

    fragment: Fragment
    score: float

    @property
    def rank(self) -> tuple[float, str]:
        """Smaller is better: by score, equal ones by id."""
        return -self.score, self.fragment.id


@dataclass(frozen=True, slots=True)
class Candidate:
    """What ranking reads of a fragment, by the names of its fields, and both its scores: cosine similarity −1…1, and
    BM25 ≥ 0, which is 0 for one that is not among the best by its terms."""

    id: str
    conversation_id: str
    timestamp: dt.datetime
    speaker: str | None
    source_model: str | None
    content: str
    terms: str
    surroundings: str
    traits: str
    similarity: float
    lexical: float


RANKED = tuple(one.name for one in fields(Candidate) if one.name not in ("similarity", "lexical"))
"""The fields of a fragment that a :class:`Candidate` has."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What both sides found together, each once, and how many either side found.

    ``whole`` gives the fragments (without vectors) of some of them by their ids, in that order, for those few that are
    shown. One that was deleted since is as it was, or left out.
    """

    found: list[Candidate]
    dense: int
    lexical: int
    whole: Callable[[Sequence[str]], list[Fragment]]


@dataclass(frozen=True, slots=True)
class OptimiseReport:
    """What index optimisation really did, in words, and the figures before and after."""

    actions: list[str]
    before: Mapping[str, float]
    after: Mapping[str, float]
    notes: list[str] = field(default_factory=list)


class VectorStore(Protocol):
    """Thread-safe. Every method raises ``StoreUnavailable`` when the store cannot be reached."""

    def ensure(self, collection: str, *, dimension: int, embedder: str) -> None:
        """Create the collection where it is missing; raises :class:`DimensionMismatch` where it differs."""
        ...

    def activate(self, collection: str) -> None:
        """Make :data:`ALIAS` mean this collection, at once and for every reader."""
        ...

    def active(self) -> tuple[str, str, int] | None:
        """The active collection, its embedder's name and its dimension; ``None`` before the first."""
        ...

    def drop(self, collection: str) -> None:
        """Delete a collection that is not active; idempotent."""
        ...

    def upsert(self, collection: str, fragments: Sequence[Fragment], *, instead_of: Sequence[str] = ()) -> None:
        """Write fragments by id, replacing older ones, and then delete those of the ids ``instead_of``, whose place
        they take; they are found by the next search. All or an error: after an error some of it may be done, and the
        call may be repeated. Raises :class:`DimensionMismatch`."""
        ...

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete by id; ids that are not there are ignored."""
        ...

    def ids(self, collection: str, *, conversation_ids: Collection[str] | None = None) -> Iterator[str]:
        """The ids of all fragments, or of those of these conversations, in no order."""
        ...

    def fetch(self, collection: str, ids: Sequence[str], *, with_vectors: bool = False) -> list[Fragment]:
        """The fragments that exist among ``ids``, in the order of ``ids``."""
        ...

    def neighbours(self, collection: str, conversation_id: str, first: int, last: int) -> list[Fragment]:
        """The fragments of a conversation with ``first <= ordinal <= last``, by ordinal, without vectors."""
        ...

    def similarities(self, collection: str, ids: Sequence[str], vector: NDArray[np.float32]) -> dict[str, float]:
        """The cosine similarity −1…1 of ``vector`` to each fragment that exists among ``ids``, in one call and without
        bringing vectors here. Raises :class:`DimensionMismatch`."""
        ...

    def count(self, collection: str) -> int:
        """How many fragments the collection holds."""
        ...

    def dense(self, collection: str, vector: NDArray[np.float32], *, where: FragmentFilter, limit: int) -> list[Scored]:
        """The nearest fragments by cosine similarity, best first. Raises :class:`DimensionMismatch`."""
        ...

    def lexical(
        self,
        collection: str,
        terms: Sequence[str],
        *,
        where: FragmentFilter,
        limit: int,
    ) -> list[Scored]:
        """The best fragments by BM25 (k1 1.2, b 0.75) over their ``terms``, any of ``terms`` may match, best first.
        ``terms`` went through the same analysis as those of fragments and are taken literally; one that is given twice
        counts once."""
        ...

    def candidates(
        self,
        collection: str,
        vector: NDArray[np.float32],
        terms: Sequence[str],
        *,
        where: FragmentFilter,
        limit: int,
    ) -> Candidates:
        """What :meth:`dense` and :meth:`lexical` find, each with its similarity: the same as these and
        :meth:`similarities` give one after the other, in fewer calls and less time. Raises
        :class:`DimensionMismatch`."""
        ...

    def optimise(self, collection: str, *, purge: bool = False) -> OptimiseReport:
        """Compact and bring the indexes up to date without blocking readers. With ``purge``, nothing that was deleted
        remains readable in the store's files where the store can promise that."""
        ...

    def refresh(self, collection: str) -> bool:
        """What a writer calls after its writes: compact and index them where so many have come together that writes or
        queries would slow down, else return at once. Returns whether it did; a store that sees to it by itself, never.
        """
        ...

    def info(self) -> Mapping[str, Any]:
        """Name and version of the store, for people."""
        ...

    def ping(self) -> None: ...

    def close(self) -> None: ...
