"""What a search asks of Weaviate: the nearest vectors, the best matches, some rows compared."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from aethergrid_pipelines.stores.candidates import best
from aethergrid_pipelines.stores.vectors import Candidate, Candidates, Compared
from aethergrid_pipelines.stores.weaviate_connection import WeaviateConnection
from aethergrid_pipelines.stores.weaviate_pages import uuids
from aethergrid_pipelines.stores.weaviate_schema import BM25_K1, SEARCHED, to_fragment

if TYPE_CHECKING:
    from weaviate.collections.classes.filters import _Filters

ROWS_AT_ONCE = 500
THREADS = 16
"""Both sides of a search are asked for at the same time."""


@dataclass(frozen=True, slots=True)
class Match:
    """The id of an object, and its score by BM25."""

    id: str
    score: float

    @property
    def rank(self) -> tuple[float, str]:
        """As of a :class:`~aethergrid_pipelines.stores.vectors.Candidate`."""
        return -self.score, self.id


class WeaviateSearch:
    """Thread-safe. ``name`` is a collection that is there; ``query`` has its dimension."""

    def __init__(self, connection: WeaviateConnection) -> None:
        self._connection = connection
        # Whatever runs on these threads waits for the server only, never for another one of them.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="weaviate")

    def nearest(self, name: str, query: list[float], passing: _Filters, limit: int) -> list[Candidate]:
        """The best by cosine similarity: exact where at most 40,000 rows pass the filter; scores are always exact."""
        from weaviate.classes.query import MetadataQuery

        def search(count: int) -> list[Candidate]:
            with self._connection.client() as client:
                answer = client.collections.use(name).query.near_vector(
                    near_vector=query,
                    filters=passing,
                    limit=count,
                    return_metadata=MetadataQuery(distance=True),
                )
            return [
                Candidate(to_fragment(one.uuid, one.properties), _similarity(one.metadata.distance))
                for one in answer.objects
            ]

        return best(search, limit)

    def matching(self, name: str, words: str, passing: _Filters, limit: int) -> list[Match]:
        """The best by BM25."""
        from weaviate.classes.query import MetadataQuery

        def search(count: int) -> list[Match]:
            with self._connection.client() as client:
                answer = client.collections.use(name).query.bm25(
                    words,
                    query_properties=[SEARCHED],
                    filters=passing,
                    limit=count,
                    return_metadata=MetadataQuery(score=True),
                    return_properties=[],
                )
            return [Match(str(one.uuid), _bm25(one.metadata.score)) for one in answer.objects]

        return best(search, limit) if words else []

    def compared(self, name: str, ids: Sequence[str], query: list[float], *, whole: bool) -> list[tuple[Any, float]]:
        """Those that exist among ``ids``, ``whole`` or with nothing but their id, and their cosine similarity."""
        from weaviate.classes.query import Filter, MetadataQuery

        found: list[tuple[Any, float]] = []
        for part in _parts(uuids(ids)):
            with self._connection.client() as client:
                # So few rows that pass a filter are compared one by one, hence exactly.
                answer = client.collections.use(name).query.near_vector(
                    near_vector=query,
                    filters=Filter.by_id().contains_any(part),
                    limit=len(part),
                    return_metadata=MetadataQuery(distance=True),
                    return_properties=None if whole else [],
                )
            found += [(one, _similarity(one.metadata.distance)) for one in answer.objects]
        return found

    def both_sides(self, name: str, query: list[float], words: str, *, passing: _Filters, limit: int) -> Candidates:
        """The best of either side with both scores. To read some rows twice takes less time than to wait for the other
        side first."""
        side = self._threads.submit(partial(self.nearest, name, query, passing, limit))
        try:
            matches = {match.id: match.score for match in self.matching(name, words, passing, limit)}
            compared = self.compared(name, list(matches), query, whole=True)
        finally:
            near = side.result()
        found = [Compared(hit.fragment, hit.score, matches.get(hit.fragment.id, 0.0)) for hit in near]
        there = {hit.fragment.id for hit in near}
        for one, similarity in compared:
            if str(one.uuid) not in there:
                fragment = to_fragment(one.uuid, one.properties)
                found.append(Compared(fragment, similarity, matches[fragment.id]))
        return Candidates(found, len(near), len(matches))

    def close(self) -> None:
        """End the threads; idempotent."""
        self._threads.shutdown()


def _parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + ROWS_AT_ONCE] for start in range(0, len(items), ROWS_AT_ONCE)]


def _similarity(distance: float | None) -> float:
    """Cosine similarity from the distance that was asked for; rounding must not carry it beyond 1."""
    if distance is None:
        raise ValueError("the server gave no distance")
    return float(np.clip(1.0 - distance, -1.0, 1.0))


def _bm25(score: float | None) -> float:
    """Weaviate leaves out the constant factor k1 + 1 of BM25; with it both stores score on one scale."""
    return (score or 0.0) * (BM25_K1 + 1)
