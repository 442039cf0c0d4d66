"""Candidates of both sides from Weaviate, over its gRPC protocol.

Requests and replies are the messages of weaviate/v1/search_get.proto, read here: the client looks at each property of
each object for its kind, and makes a list of floats of each vector. For the 200 objects of a question that takes 15 ms
of the processor, all in all; with the fields read by name it is 5.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.candidates import best, cosines
from aethergrid_pipelines.stores.vectors import Candidate, Candidates
from aethergrid_pipelines.stores.weaviate_connection import WeaviateConnection
from aethergrid_pipelines.stores.weaviate_schema import RANKING, SEARCHED, VECTOR
from aethergrid_pipelines.stores.weaviate_search import bm25, similarity

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from weaviate.collections.classes.filters import _Filters


@dataclass(frozen=True, slots=True)
class Found:
    """An object of a reply (``SearchResult``): its id and its score."""

    id: str
    score: float
    result: Any

    @property
    def rank(self) -> tuple[float, str]:
        """As of a :class:`~aethergrid_pipelines.stores.vectors.Scored`."""
        return -self.score, self.id


@dataclass(frozen=True, slots=True)
class Question:
    """What both sides are asked: of the objects of ``collection`` that pass ``passing``, those near ``vector``, shape
    (dimension,), or that have any of ``words``, which are separated by spaces."""

    collection: str
    vector: NDArray[np.float32]
    words: str
    passing: _Filters

    def near(self, connection: WeaviateConnection, limit: int) -> list[Found]:
        """The best by cosine similarity."""
        from weaviate.proto.v1 import base_pb2, base_search_pb2

        written = base_pb2.Vectors(
            vector_bytes=self.vector.astype("<f4").tobytes(), type=base_pb2.Vectors.VECTOR_TYPE_SINGLE_FP32
        )
        near = base_search_pb2.NearVector(vectors=[written])

        def search(count: int) -> list[Found]:
            results = self._ask(connection, count, metadata={"distance": True}, near_vector=near)
            return [Found(one.metadata.id, similarity(one.metadata.distance), one) for one in results]

        return best(search, limit)

    def matching(self, connection: WeaviateConnection, limit: int) -> list[Found]:
        """The best by BM25, with their vectors."""
        from weaviate.proto.v1 import base_search_pb2

        words = base_search_pb2.BM25(query=self.words, properties=[SEARCHED])

        def search(count: int) -> list[Found]:
            metadata = {"score": True, "vectors": [VECTOR]}
            results = self._ask(connection, count, metadata=metadata, bm25_search=words)
            return [Found(one.metadata.id, bm25(one.metadata.score), one) for one in results]

        return best(search, limit) if self.words else []

    def _ask(self, connection: WeaviateConnection, count: int, *, metadata: dict[str, Any], **search: Any) -> Any:
        from weaviate.collections.filters import _FilterToGRPC
        from weaviate.proto.v1 import search_get_pb2

        request = search_get_pb2.SearchRequest(
            collection=self.collection,
            limit=count,
            filters=_FilterToGRPC.convert(self.passing),
            properties=search_get_pb2.PropertiesRequest(non_ref_properties=list(RANKING)),
            metadata=search_get_pb2.MetadataRequest(uuid=True, **metadata),
            uses_123_api=True,
            uses_125_api=True,
            uses_127_api=True,
            **search,
        )
        with connection.client() as client:
            # The client's own channel, with its address, key, time limit and errors; it offers no public way to it.
            return client._connection.grpc_search(request).results  # noqa: SLF001


def both_sides(
    connection: WeaviateConnection,
    question: Question,
    limit: int,
    *,
    threads: ThreadPoolExecutor,
    fetch: Callable[[Sequence[str]], list[Fragment]],
) -> Candidates:
    """The best ``limit`` of either side with both scores, read as far as ranking needs them. Matches come with their
    vectors, which are compared here: that takes less time than to ask again."""
    side = threads.submit(question.near, connection, limit)
    try:
        matches = question.matching(connection, limit)
    finally:
        near = side.result()
    lexical = {one.id: one.score for one in matches}
    similarities = _compared(matches, question.vector) | {one.id: one.score for one in near}
    each = {one.id: one.result for one in (*matches, *near)}
    found = [_candidate(id_, result, similarities[id_], lexical.get(id_, 0.0)) for id_, result in each.items()]
    return Candidates(found, len(near), len(matches), fetch)


def _compared(matches: Sequence[Found], vector: NDArray[np.float32]) -> dict[str, float]:
    if not matches:
        return {}
    written = b"".join(one.result.metadata.vectors[0].vector_bytes for one in matches)
    matrix = np.frombuffer(written, dtype="<f4").reshape(len(matches), len(vector))
    return dict(zip((one.id for one in matches), cosines(matrix, vector), strict=True))


def _candidate(id_: str, result: Any, similarity: float, lexical: float) -> Candidate:
    # A property that is not there reads as an empty text.
    fields = result.properties.non_ref_props.fields
    return Candidate(
        id=id_,
        conversation_id=fields["conversationId"].text_value,
        timestamp=dt.datetime.fromisoformat(fields["timestamp"].date_value),
        speaker=fields["speaker"].text_value or None,
        source_model=fields["sourceModel"].text_value or None,
        content=fields["content"].text_value,
        terms=fields["terms"].text_value,
        surroundings=fields["surroundings"].text_value,
        traits=fields["traits"].text_value,
        similarity=similarity,
        lexical=lexical,
    )
