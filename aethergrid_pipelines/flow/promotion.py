"""When the current embedder's collection becomes the one that queries see."""

from sqlalchemy import delete, exists, select

from aethergrid_pipelines.flow import index_version, state
from aethergrid_pipelines.flow.index import collection_name
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.steps import CHAIN
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import ChunkEmbedding, FragmentRow, Vector, table_of

_fragments = table_of(FragmentRow)
_references = table_of(ChunkEmbedding)
_vectors = table_of(Vector)


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
        index_version.change(connection)
    return True


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
