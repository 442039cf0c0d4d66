"""Which collection belongs to the current embedder, and when it becomes the one that queries see."""

import re

from sqlalchemy import Table, delete, exists, select

from aethergrid_pipelines.flow import state
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import ChunkEmbedding, FragmentRow, Vector, table_of

_fragments: Table = table_of(FragmentRow)
_references: Table = table_of(ChunkEmbedding)
_vectors: Table = table_of(Vector)


def collection_name(stores: Stores) -> str:
    """The collection of the current embedder: vectors of two embedders never share one. [A-Za-z0-9_] only."""
    embedder = re.sub(r"[^A-Za-z0-9]+", "_", stores.embedder.name).strip("_")
    return f"{stores.settings.vector_collection}_{embedder}"


def ensure_collection(stores: Stores) -> str:
    """The name of the current embedder's collection, created where it is missing; active where none was.

    Raises ``DimensionMismatch`` where it exists with another dimension.
    """
    name = collection_name(stores)
    stores.vectors.ensure(name, dimension=stores.embedder.dimension, embedder=stores.embedder.name)
    if stores.vectors.active() is None:
        stores.vectors.activate(name)
    return name


def promote(stores: Stores) -> bool:
    """Let queries see the current embedder's collection once every conversation has arrived in it.

    Until then they see the old one, which is dropped afterwards with what the catalog keeps for it. Returns whether
    there was something to promote.
    """
    name = collection_name(stores)
    active = stores.vectors.active()
    if active is None or active[0] == name or not _complete(stores, name):
        return False
    stores.vectors.activate(name)
    stores.vectors.drop(active[0])
    with stores.catalog.writing() as connection:
        connection.execute(delete(_fragments).where(_fragments.c.collection == active[0]))
        connection.execute(delete(_references).where(_references.c.embedder == active[1]))
        connection.execute(delete(_vectors).where(_vectors.c.embedder == active[1]))
    return True


def _complete(stores: Stores, collection: str) -> bool:
    """Whether every conversation of the catalog has reached this collection, by its newest version."""
    from aethergrid_pipelines.flow.steps import CHAIN

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
