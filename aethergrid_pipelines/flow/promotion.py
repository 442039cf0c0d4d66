"""When the current embedder's collection becomes the one that queries see."""

import datetime as dt

from sqlalchemy import delete, exists, func, select

from aethergrid_pipelines.flow import index_version, state
from aethergrid_pipelines.flow.index import collection_name, collection_of
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.steps import CHAIN
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import ChunkEmbedding, FragmentRow, Vector, table_of

_fragments = table_of(FragmentRow)
_references = table_of(ChunkEmbedding)
_vectors = table_of(Vector)


KEPT = dt.timedelta(days=7)
"""How long the collection stays that queries saw before."""


def promote(stores: Stores) -> bool:
    """Let queries see the current embedder's collection once every conversation has arrived in it.

    Until then they see the old one. That one stays for a while, with what the catalog keeps for it: whoever sets its
    embedder again is back on it as soon as what changed since has been embedded. Only one is kept. Returns whether
    there was something to promote.
    """
    name = collection_name(stores)
    active = stores.vectors.active()
    if active is None or active[0] == name or not _complete(stores, name):
        return False
    stores.vectors.activate(name)
    with stores.catalog.writing() as connection:
        index_version.change(connection)
    _drop(stores, _collections(stores) - {name, active[0]})
    return True


def retire(stores: Stores, *, kept: dt.timedelta = KEPT) -> list[str]:
    """Drop the collections that queries saw before, once the active one is older than ``kept``, with what the catalog
    keeps for them; returns their names. One that is being filled for a change of embedder is left alone."""
    active = stores.vectors.active()
    if active is None:
        return []
    with stores.catalog.reading() as connection:
        first = select(func.min(_fragments.c.written_at)).where(_fragments.c.collection == active[0])
        since: dt.datetime | None = connection.execute(first).scalar()
    if since is None or since > dt.datetime.now(dt.UTC) - kept:
        return []
    old = _collections(stores) - {active[0], collection_name(stores)}
    _drop(stores, old)
    return sorted(old)


def _collections(stores: Stores) -> set[str]:
    """Those of the ledger."""
    with stores.catalog.reading() as connection:
        return set(connection.execute(select(_fragments.c.collection).distinct()).scalars())


def _drop(stores: Stores, collections: set[str]) -> None:
    """Drop collections, their ledger, and then the vectors of embedders that no collection is left of."""
    for collection in sorted(collections):
        stores.vectors.drop(collection)
        with stores.catalog.writing() as connection:
            connection.execute(delete(_fragments).where(_fragments.c.collection == collection))
    if not collections:
        return
    left = _collections(stores) | {collection_name(stores)}
    with stores.catalog.reading() as connection:
        embedders = set(connection.execute(select(_references.c.embedder).distinct()).scalars())
    with stores.catalog.writing() as connection:
        for embedder in embedders:
            if collection_of(stores.settings, embedder) not in left:
                connection.execute(delete(_references).where(_references.c.embedder == embedder))
                connection.execute(delete(_vectors).where(_vectors.c.embedder == embedder))


def _complete(stores: Stores, collection: str) -> bool:
    """Whether every conversation of the catalog has reached this collection, by its newest version."""
    for step in CHAIN:
        if step.name == "raw_conversations":
            continue
        if next(iter(step.stale(stores, Scope())), None) is not None:
            return False
        if step.name == "weaviate_fragments":
            break
    with stores.catalog.reading() as connection:
        conversations, _ = state.row_count(connection, step="weaviate_fragments", scope=Scope())
        unfinished = exists().where(_fragments.c.collection == collection, _fragments.c.state != "stored")
        return conversations > 0 and not connection.execute(select(unfinished)).scalar()
