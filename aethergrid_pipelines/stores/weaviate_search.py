"""What is asked of Weaviate: the nearest vectors, the best matches, some rows compared or read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.candidates import best, in_order
from aethergrid_pipelines.stores.vectors import Scored
from aethergrid_pipelines.stores.weaviate_connection import WeaviateConnection
from aethergrid_pipelines.stores.weaviate_pages import uuids
from aethergrid_pipelines.stores.weaviate_schema import BM25_K1, SEARCHED, VECTOR, to_fragment

if TYPE_CHECKING:
    from weaviate.collections.classes.filters import _Filters

ROWS_AT_ONCE = 500

T = TypeVar("T")


class WeaviateSearch:
    """Thread-safe. ``name`` is a collection that is there; ``query`` has its dimension."""

    def __init__(self, connection: WeaviateConnection) -> None:
        self._connection = connection

    def nearest(self, name: str, query: list[float], passing: _Filters, limit: int) -> list[Scored]:
        """The best by cosine similarity: exact where at most 40,000 rows pass the filter; scores are always exact."""
        from weaviate.classes.query import MetadataQuery

        def search(count: int) -> list[Scored]:
            with self._connection.client() as client:
                answer = client.collections.use(name).query.near_vector(
                    near_vector=query,
                    filters=passing,
                    limit=count,
                    return_metadata=MetadataQuery(distance=True),
                )
            return [
                Scored(to_fragment(one.uuid, one.properties), similarity(_there(one.metadata.distance)))
                for one in answer.objects
            ]

        return best(search, limit)

    def matching(self, name: str, words: str, passing: _Filters, limit: int) -> list[Scored]:
        """The best by BM25."""
        from weaviate.classes.query import MetadataQuery

        def search(count: int) -> list[Scored]:
            with self._connection.client() as client:
                answer = client.collections.use(name).query.bm25(
                    words,
                    query_properties=[SEARCHED],
                    filters=passing,
                    limit=count,
                    return_metadata=MetadataQuery(score=True),
                )
            return [
                Scored(to_fragment(one.uuid, one.properties), bm25(_there(one.metadata.score)))
                for one in answer.objects
            ]

        return best(search, limit) if words else []

    def compared(self, name: str, ids: Sequence[str], query: list[float]) -> dict[str, float]:
        """The cosine similarity of those that exist among ``ids``."""
        from weaviate.classes.query import Filter, MetadataQuery

        found: dict[str, float] = {}
        for part in parts(uuids(ids)):
            with self._connection.client() as client:
                # So few rows that pass a filter are compared one by one, hence exactly.
                answer = client.collections.use(name).query.near_vector(
                    near_vector=query,
                    filters=Filter.by_id().contains_any(part),
                    limit=len(part),
                    return_metadata=MetadataQuery(distance=True),
                    return_properties=[],
                )
            found.update((str(one.uuid), similarity(_there(one.metadata.distance))) for one in answer.objects)
        return found

    def fetch(self, name: str, ids: Sequence[str], *, with_vectors: bool = False) -> list[Fragment]:
        """The fragments that exist among ``ids``, in their order."""
        from weaviate.classes.query import Filter

        found: list[Fragment] = []
        for part in parts(uuids(ids)):
            with self._connection.client() as client:
                answer = client.collections.use(name).query.fetch_objects(
                    filters=Filter.by_id().contains_any(part), limit=len(part), include_vector=with_vectors
                )
            for one in answer.objects:
                vector: Any = one.vector.get(VECTOR) if with_vectors else None
                found.append(to_fragment(one.uuid, one.properties, vector))
        return in_order(found, ids)


def parts(items: Sequence[T]) -> list[Sequence[T]]:
    """``items`` in order, in parts of as many as one request takes."""
    return [items[start : start + ROWS_AT_ONCE] for start in range(0, len(items), ROWS_AT_ONCE)]


def similarity(distance: float) -> float:
    """Cosine similarity from the distance; rounding must not carry it beyond 1."""
    return min(1.0, max(-1.0, 1.0 - distance))


def bm25(score: float) -> float:
    """Weaviate leaves out the constant factor k1 + 1 of BM25; with it both stores score on one scale."""
    return score * (BM25_K1 + 1)


def _there(figure: float | None) -> float:
    if figure is None:
        raise ValueError("the server did not give the score that was asked for")
    return figure
