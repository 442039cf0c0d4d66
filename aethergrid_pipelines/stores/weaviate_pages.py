"""Reading more rows from Weaviate than one request gives."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.weaviate_connection import WeaviateConnection
from aethergrid_pipelines.stores.weaviate_schema import to_fragment

# The server refuses to page further than 10,000 (QUERY_MAXIMUM_RESULTS).
PAGE = 5_000
CONVERSATIONS_AT_ONCE = 100
LAST_ORDINAL = 2**53


def uuids(ids: Sequence[str]) -> list[uuid.UUID]:
    """Those of ``ids`` that are UUIDs; no fragment has any other id."""
    found = []
    for id_ in ids:
        try:
            found.append(uuid.UUID(id_))
        except ValueError:
            continue
    return found


def all_ids(connection: WeaviateConnection, collection: str) -> Iterator[str]:
    """The ids of a collection, by the server's cursor."""
    after: uuid.UUID | None = None
    while True:
        with connection.client() as client:
            query = client.collections.use(collection).query
            rows = query.fetch_objects(limit=PAGE, after=after, return_properties=[]).objects
        if not rows:
            return
        yield from (str(row.uuid) for row in rows)
        after = rows[-1].uuid


def ids_of(connection: WeaviateConnection, collection: str, conversation_ids: list[str]) -> Iterator[str]:
    """The ids of these conversations. The cursor knows no filter, so what exceeds a page is asked for in halves."""
    for start in range(0, len(conversation_ids), CONVERSATIONS_AT_ONCE):
        yield from _ids_of(connection, collection, conversation_ids[start : start + CONVERSATIONS_AT_ONCE])


def _ids_of(connection: WeaviateConnection, collection: str, conversation_ids: list[str]) -> Iterator[str]:
    from weaviate.classes.query import Filter

    passing = Filter.by_property("conversationId").contains_any(conversation_ids)
    with connection.client() as client:
        query = client.collections.use(collection).query
        rows = query.fetch_objects(filters=passing, limit=PAGE, return_properties=[]).objects
    if len(rows) < PAGE:
        yield from (str(row.uuid) for row in rows)
    elif len(conversation_ids) > 1:
        middle = len(conversation_ids) // 2
        yield from _ids_of(connection, collection, conversation_ids[:middle])
        yield from _ids_of(connection, collection, conversation_ids[middle:])
    else:
        yield from (row.id for row in in_order(connection, collection, conversation_ids[0], 0, LAST_ORDINAL))


def in_order(
    connection: WeaviateConnection, collection: str, conversation_id: str, first: int, last: int
) -> list[Fragment]:
    """The fragments with ``first <= ordinal <= last``, page by page through the ordinals.

    At most a page of them may have the same ordinal.
    """
    from weaviate.classes.query import Filter, Sort

    found: dict[str, Fragment] = {}
    start = first
    while True:
        passing = (
            Filter.by_property("conversationId").equal(conversation_id)
            & Filter.by_property("ordinal").greater_or_equal(start)
            & Filter.by_property("ordinal").less_or_equal(last)
        )
        with connection.client() as client:
            query = client.collections.use(collection).query
            rows = query.fetch_objects(filters=passing, sort=Sort.by_property("ordinal"), limit=PAGE).objects
        page = [to_fragment(row.uuid, row.properties) for row in rows]
        found.update((fragment.id, fragment) for fragment in page)
        if len(page) < PAGE or page[-1].ordinal == start:
            return list(found.values())
        start = page[-1].ordinal
