"""Both vector stores, each opened for one test and emptied after it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines.stores.vectors import VectorStore
from aethergrid_pipelines.stores.weaviate_vectors import WeaviateVectorStore
from aethergrid_pipelines_tests.contract.fragments import DIMENSION, EMBEDDER

STORES = ("lancedb", "weaviate")


@dataclass(frozen=True)
class Opened:
    """A store and a prefix for the names of this test's collections."""

    store: VectorStore
    prefix: str

    def collection(self, suffix: str = "", *, dimension: int = DIMENSION, embedder: str = EMBEDDER) -> str:
        """A new collection, created."""
        name = f"{self.prefix}{suffix}"
        self.store.ensure(name, dimension=dimension, embedder=embedder)
        return name


@contextmanager
def opened(kind: str, folder: Path, address: tuple[str, int] | None) -> Iterator[Opened]:
    """A store of this kind. On the server it uses an alias of its own, and all that it made is deleted."""
    prefix = f"T{uuid.uuid4().hex[:12]}"
    if kind == "lancedb":
        embedded = LanceVectorStore(folder / "vectors")
        yield Opened(embedded, prefix)
        embedded.close()
        return
    assert address is not None
    alias = f"{prefix}Alias"
    store = WeaviateVectorStore(*address, None, alias=alias)
    try:
        yield Opened(store, prefix)
    finally:
        with store._connection.client() as client:
            client.alias.delete(alias_name=alias)
            for name in client.collections.list_all():
                if name.startswith(prefix):
                    client.collections.delete(name)
        store.close()
