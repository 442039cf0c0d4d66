"""Which collection belongs to the current embedder."""

import re

from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.settings import Settings


def collection_name(stores: Stores) -> str:
    """The collection of the current embedder: vectors of two embedders never share one. [A-Za-z0-9_] only."""
    return collection_of(stores.settings, stores.embedder.name)


def collection_of(settings: Settings, embedder: str) -> str:
    """The collection of the embedder of this name."""
    return f"{settings.vector_collection}_{re.sub(r'[^A-Za-z0-9]+', '_', embedder).strip('_')}"


def ensure_collection(stores: Stores) -> str:
    """The name of the current embedder's collection, created where it is missing; active where none was.

    Raises ``DimensionMismatch`` where it exists with another dimension.
    """
    name = collection_name(stores)
    stores.vectors.ensure(name, dimension=stores.embedder.dimension, embedder=stores.embedder.name)
    if stores.vectors.active() is None:
        stores.vectors.activate(name)
    return name
