"""Fragments in Weaviate: the vector store for production, over HTTP for the schema and gRPC for the data."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.candidates import distinct, latest, physical_name
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.vectors import (
    ALIAS,
    Candidates,
    CollectionMissing,
    DimensionMismatch,
    FragmentFilter,
    OptimiseReport,
    Scored,
)
from aethergrid_pipelines.stores.weaviate_candidates import Question, both_sides
from aethergrid_pipelines.stores.weaviate_connection import WeaviateConnection
from aethergrid_pipelines.stores.weaviate_pages import all_ids, ids_of, in_order, uuids
from aethergrid_pipelines.stores.weaviate_schema import (
    VECTOR,
    complete,
    condition,
    create,
    described,
    to_properties,
)
from aethergrid_pipelines.stores.weaviate_search import WeaviateSearch, parts
from aethergrid_pipelines.stores.weaviate_upkeep import optimise

if TYPE_CHECKING:
    from weaviate.client import WeaviateClient


THREADS = 16
"""Both sides of a search are asked for at the same time."""


class WeaviateWriteFailed(StoreUnavailable):
    """Some objects of a batch were refused, as by a server that is being stopped; the message has how many and the
    first reason. Whoever waits for a server that does not answer tries this again, too."""


class WeaviateVectorStore:
    """A :class:`~aethergrid_pipelines.stores.vectors.VectorStore` on a server; connects at the first call.

    The server has to index synchronously (``ASYNC_INDEXING=false``, its default), else what was just written is found
    only after a moment.
    """

    def __init__(self, url: str, grpc_port: int, api_key: str | None, *, alias: str = ALIAS) -> None:
        """``alias`` is what :data:`ALIAS` is called on this server, for several installations on one."""
        self._connection = WeaviateConnection(url, grpc_port, api_key)
        self._search = WeaviateSearch(self._connection)
        # Whatever runs on these threads waits for the server only, never for another one of them.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="weaviate")
        self._alias = alias
        self._known: dict[str, tuple[str, int]] = {}
        self._ensured: set[str] = set()

    def ensure(self, collection: str, *, dimension: int, embedder: str) -> None:
        """See the protocol; raises ``ValueError`` for a name that is none."""
        from weaviate.exceptions import UnexpectedStatusCodeError

        name = physical_name(collection)
        with self._connection.client() as client:
            # Asked before each batch: one look instead of three, where it was made whole before.
            if name in self._ensured and self._there(client, name) == (embedder, dimension):
                return
            if not client.collections.exists(name):
                try:
                    create(client, name, dimension=dimension, embedder=embedder)
                except UnexpectedStatusCodeError:
                    # Another process may have been faster; if not, this was a real refusal.
                    if not client.collections.exists(name):
                        raise
            there = self._describe(client, name)
            if there != (embedder, dimension):
                raise DimensionMismatch(
                    f"collection {name} holds {there[1]} dimensions of {there[0]}, not {dimension} of {embedder}"
                )
            complete(client, name)
            self._ensured.add(name)

    def activate(self, collection: str) -> None:
        """See the protocol. One entry in the server's Raft log, hence atomic."""
        from weaviate.exceptions import UnexpectedStatusCodeError

        with self._connection.client() as client:
            self._describe(client, physical_name(collection))
            if client.alias.get(alias_name=self._alias) is None:
                try:
                    client.alias.create(alias_name=self._alias, target_collection=collection)
                except UnexpectedStatusCodeError:
                    if client.alias.get(alias_name=self._alias) is None:
                        raise
                    client.alias.update(alias_name=self._alias, new_target_collection=collection)
            else:
                client.alias.update(alias_name=self._alias, new_target_collection=collection)
            self._known.pop(self._alias, None)

    def active(self) -> tuple[str, str, int] | None:
        with self._connection.client() as client:
            alias = client.alias.get(alias_name=self._alias)
            if alias is None:
                return None
            # Asked by each query; a collection of a name is always of one embedder.
            embedder, dimension = self._known.get(alias.collection) or self._describe(client, alias.collection)
        return alias.collection, embedder, dimension

    def drop(self, collection: str) -> None:
        """See the protocol; raises ``ValueError`` for the active collection."""
        with self._connection.client() as client:
            alias = client.alias.get(alias_name=self._alias)
            if alias is not None and alias.collection == physical_name(collection):
                raise ValueError(f"{collection} is the active collection; activate another one first")
            client.collections.delete(collection)
            self._known.pop(collection, None)

    def upsert(self, collection: str, fragments: Sequence[Fragment], *, instead_of: Sequence[str] = ()) -> None:
        """See the protocol; raises :class:`WeaviateWriteFailed` and, for an id that is no UUID, ``ValueError``."""
        from weaviate.classes.data import DataObject

        name = self._name(collection)
        with self._connection.client() as client:
            # Asked each time: the server would make up a collection that is not there.
            _, dimension = self._describe(client, name)
            rows = latest(fragments, dimension)
            for part in parts(rows):
                objects = [
                    DataObject(properties=to_properties(row), uuid=uuid.UUID(row.id), vector={VECTOR: list(row.vector)})
                    for row in part
                ]
                self._insert(client, name, objects)
            written = {row.id for row in rows}
            self._remove(client, name, [id_ for id_ in instead_of if id_ not in written])

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        name = self._name(collection)
        with self._connection.client() as client:
            self._describe(client, name)
            self._remove(client, name, ids)

    def ids(self, collection: str, *, conversation_ids: Collection[str] | None = None) -> Iterator[str]:
        name = self._name(collection)
        with self._connection.client() as client:
            self._describe(client, name)
        if conversation_ids is None:
            return all_ids(self._connection, name)
        return ids_of(self._connection, name, list(conversation_ids))

    def fetch(self, collection: str, ids: Sequence[str], *, with_vectors: bool = False) -> list[Fragment]:
        name = self._name(collection)
        with self._connection.client() as client:
            self._describe(client, name)
        return self._search.fetch(name, ids, with_vectors=with_vectors)

    def neighbours(self, collection: str, conversation_id: str, first: int, last: int) -> list[Fragment]:
        name = self._name(collection)
        with self._connection.client() as client:
            self._describe(client, name)
        rows = in_order(self._connection, name, conversation_id, first, last)
        return sorted(rows, key=lambda fragment: (fragment.ordinal, fragment.id))

    def similarities(self, collection: str, ids: Sequence[str], vector: NDArray[np.float32]) -> dict[str, float]:
        name, query = self._name(collection), self._query_vector(collection, vector)
        return self._search.compared(name, ids, query.tolist())

    def count(self, collection: str) -> int:
        name = self._name(collection)
        with self._connection.client() as client:
            self._describe(client, name)
            return client.collections.use(name).aggregate.over_all(total_count=True).total_count or 0

    def dense(self, collection: str, vector: NDArray[np.float32], *, where: FragmentFilter, limit: int) -> list[Scored]:
        """See the protocol. Exact where at most 40,000 rows pass the filter; scores are always exact."""
        query = self._query_vector(collection, vector)
        return self._search.nearest(self._name(collection), query.tolist(), condition(where), limit)

    def lexical(
        self,
        collection: str,
        terms: Sequence[str],
        *,
        where: FragmentFilter,
        limit: int,
    ) -> list[Scored]:
        name = self._name(collection)
        with self._connection.client() as client:
            if name not in self._known:
                self._describe(client, name)
        return self._search.matching(name, " ".join(distinct(terms)), condition(where), limit)

    def candidates(
        self,
        collection: str,
        vector: NDArray[np.float32],
        terms: Sequence[str],
        *,
        where: FragmentFilter,
        limit: int,
    ) -> Candidates:
        name, query, words = self._name(collection), self._query_vector(collection, vector), " ".join(distinct(terms))
        question = Question(name, query, words, condition(where))
        fetch = partial(self._search.fetch, name)
        return both_sides(self._connection, question, limit, threads=self._threads, fetch=fetch)

    def optimise(self, collection: str, *, purge: bool = False) -> OptimiseReport:
        """See the protocol. Weaviate keeps its indexes itself, so this waits for a queue at most and reports."""
        name = self._name(collection)
        with self._connection.client() as client:
            self._describe(client, name)
            return optimise(client, name, purge=purge)

    def refresh(self, collection: str) -> bool:
        """See the protocol. Weaviate indexes what is written, and compacts, by itself."""
        return False

    def info(self) -> Mapping[str, Any]:
        with self._connection.client() as client:
            return {"name": "Weaviate", "version": client.get_meta()["version"], "url": self._connection.url}

    def ping(self) -> None:
        with self._connection.client() as client:
            self._connection.look()
            client.get_meta()

    def close(self) -> None:
        self._threads.shutdown()
        self._connection.close()

    def _name(self, collection: str) -> str:
        return self._alias if collection == ALIAS else collection

    def _query_vector(self, collection: str, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        name = self._name(collection)
        with self._connection.client() as client:
            _, dimension = self._known.get(name) or self._describe(client, name)
            if vector.shape != (dimension,):
                # Another process may have switched the alias since.
                _, dimension = self._describe(client, name)
        if vector.shape != (dimension,):
            raise DimensionMismatch(f"a vector of shape {vector.shape}; {collection} has {dimension} dimensions")
        return np.asarray(vector, dtype=np.float32)

    def _there(self, client: WeaviateClient, collection: str) -> tuple[str, int] | None:
        try:
            return self._describe(client, collection)
        except CollectionMissing:
            return None

    def _describe(self, client: WeaviateClient, collection: str) -> tuple[str, int]:
        from weaviate.exceptions import UnexpectedStatusCodeError

        try:
            config = client.collections.use(collection).config.get(simple=True)
        except UnexpectedStatusCodeError as error:
            self._known.pop(collection, None)
            if error.status_code == 404:
                raise CollectionMissing(f"no collection {collection} in {self._connection.address}") from error
            raise
        self._known[collection] = described(config.description)
        return self._known[collection]

    def _remove(self, client: WeaviateClient, collection: str, ids: Sequence[str]) -> None:
        from weaviate.classes.query import Filter

        for part in parts(uuids(ids)):
            result = client.collections.use(collection).data.delete_many(where=Filter.by_id().contains_any(part))
            if result.failed:
                raise WeaviateWriteFailed(f"{result.failed} of {result.matches} fragments were not deleted")

    def _insert(self, client: WeaviateClient, collection: str, objects: list[Any]) -> None:
        from weaviate.exceptions import WeaviateInsertManyAllFailedError

        try:
            result = client.collections.use(collection).data.insert_many(objects)
        except WeaviateInsertManyAllFailedError as error:
            raise WeaviateWriteFailed(f"all {len(objects)} fragments were refused: {error}") from error
        if result.has_errors:
            first = next(iter(result.errors.values())).message
            raise WeaviateWriteFailed(f"{len(result.errors)} of {len(objects)} fragments were refused: {first}")
