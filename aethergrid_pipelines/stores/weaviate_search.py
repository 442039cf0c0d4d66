"""What a search asks of Weaviate: the nearest vectors, the best matches, some rows compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.candidates import best, cosines
from aethergrid_pipelines.stores.vectors import Candidates
from aethergrid_pipelines.stores.weaviate_connection import WeaviateConnection
from aethergrid_pipelines.stores.weaviate_pages import uuids
from aethergrid_pipelines.stores.weaviate_schema import (
    BM25_K1,
    RANKING,
    SEARCHED,
    VECTOR,
    to_candidate,
    to_fragment,
)

if TYPE_CHECKING:
    from weaviate.collections.classes.filters import _Filters
    from weaviate.collections.classes.internal import Object

    Properties = list[str] | None

ROWS_AT_ONCE = 500
THREADS = 16
"""Both sides of a search are asked for at the same time."""


@dataclass(frozen=True, slots=True)
class Match:
    """The id of an object, its score, and what else of it was asked for."""

    id: str
    score: float
    properties: Mapping[str, Any]
    vector: Sequence[float]

    @property
    def rank(self) -> tuple[float, str]:
        """As of a :class:`~aethergrid_pipelines.stores.vectors.Scored`."""
        return -self.score, self.id


class WeaviateSearch:
    """Thread-safe. ``name`` is a collection that is there; ``query`` has its dimension; ``properties`` are those that
    are read, ``None`` for all."""

    def __init__(self, connection: WeaviateConnection) -> None:
        self._connection = connection
        # Whatever runs on these threads waits for the server only, never for another one of them.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="weaviate")

    def nearest(
        self, name: str, query: list[float], passing: _Filters, limit: int, *, properties: Properties = None
    ) -> list[Match]:
        """The best by cosine similarity: exact where at most 40,000 rows pass the filter; scores are always exact."""
        from weaviate.classes.query import MetadataQuery

        def search(count: int) -> list[Match]:
            with self._connection.client() as client:
                answer = client.collections.use(name).query.near_vector(
                    near_vector=query,
                    filters=passing,
                    limit=count,
                    return_metadata=MetadataQuery(distance=True),
                    return_properties=properties,
                )
            return [
                Match(str(one.uuid), _similarity(one.metadata.distance), one.properties, _vector(one))
                for one in answer.objects
            ]

        return best(search, limit)

    def matching(
        self,
        name: str,
        words: str,
        passing: _Filters,
        limit: int,
        *,
        properties: Properties = None,
        with_vectors: bool = False,
    ) -> list[Match]:
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
                    return_properties=properties,
                    include_vector=with_vectors,
                )
            return [
                Match(str(one.uuid), _bm25(one.metadata.score), one.properties, _vector(one)) for one in answer.objects
            ]

        return best(search, limit) if words else []

    def compared(self, name: str, ids: Sequence[str], query: list[float]) -> dict[str, float]:
        """The cosine similarity of those that exist among ``ids``."""
        from weaviate.classes.query import Filter, MetadataQuery

        found: dict[str, float] = {}
        for part in _parts(uuids(ids)):
            with self._connection.client() as client:
                # So few rows that pass a filter are compared one by one, hence exactly.
                answer = client.collections.use(name).query.near_vector(
                    near_vector=query,
                    filters=Filter.by_id().contains_any(part),
                    limit=len(part),
                    return_metadata=MetadataQuery(distance=True),
                    return_properties=[],
                )
            found.update((str(one.uuid), _similarity(one.metadata.distance)) for one in answer.objects)
        return found

    def fetch(self, name: str, ids: Sequence[str], *, with_vectors: bool = False) -> list[Fragment]:
        """The fragments that exist among ``ids``, in their order."""
        from weaviate.classes.query import Filter

        found: dict[str, Fragment] = {}
        for part in _parts(uuids(ids)):
            with self._connection.client() as client:
                answer = client.collections.use(name).query.fetch_objects(
                    filters=Filter.by_id().contains_any(part), limit=len(part), include_vector=with_vectors
                )
            for one in answer.objects:
                found[str(one.uuid)] = to_fragment(one.uuid, one.properties, _vector(one))
        return [found[id_] for id_ in ids if id_ in found]

    def both_sides(
        self, name: str, query: NDArray[np.float32], words: str, *, passing: _Filters, limit: int
    ) -> Candidates:
        """The best of either side with both scores, read as far as ranking needs them: each property of an object
        takes the client some three microseconds. Matches come with their vectors, which are compared here: that takes
        less time than to ask for them again."""
        read = list(RANKING)
        side = self._threads.submit(
            partial(self.nearest, name, query.tolist(), passing, limit, properties=read),
        )
        try:
            matches = self.matching(name, words, passing, limit, properties=read, with_vectors=True)
        finally:
            near = side.result()
        lexical = {match.id: match.score for match in matches}
        similarity = _compared(matches, query) | {match.id: match.score for match in near}
        each = {one.id: one.properties for one in (*matches, *near)}
        found = [
            to_candidate(id_, properties, similarity=similarity[id_], lexical=lexical.get(id_, 0.0))
            for id_, properties in each.items()
        ]
        return Candidates(found, len(near), len(matches), partial(self.fetch, name))

    def close(self) -> None:
        """End the threads; idempotent."""
        self._threads.shutdown()


def _parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + ROWS_AT_ONCE] for start in range(0, len(items), ROWS_AT_ONCE)]


def _compared(matches: Sequence[Match], query: NDArray[np.float32]) -> dict[str, float]:
    if not matches:
        return {}
    matrix = np.array([match.vector for match in matches], dtype=np.float32)
    return dict(zip((match.id for match in matches), cosines(matrix, query), strict=True))


def _vector(one: Object[Any, Any]) -> list[float]:
    vector: Any = one.vector.get(VECTOR)
    return vector or []


def _similarity(distance: float | None) -> float:
    """Cosine similarity from the distance that was asked for; rounding must not carry it beyond 1."""
    if distance is None:
        raise ValueError("the server gave no distance")
    return min(1.0, max(-1.0, 1.0 - distance))


def _bm25(score: float | None) -> float:
    """Weaviate leaves out the constant factor k1 + 1 of BM25; with it both stores score on one scale."""
    return (score or 0.0) * (BM25_K1 + 1)
