"""The stores as commands ask them, without a server."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aethergrid_pipelines.query.search import Search
    from aethergrid_pipelines.stores.vectors import VectorStore


@contextlib.contextmanager
def opened_memory() -> "Iterator[tuple[Search, VectorStore]]":
    """The search over what the settings select, and its vector store; closed at the end."""
    from aethergrid_pipelines.embedders.select import open_embedder
    from aethergrid_pipelines.query.opening import open_search
    from aethergrid_pipelines.settings import load_settings
    from aethergrid_pipelines.stores.select import open_vector_store

    settings = load_settings()
    with contextlib.ExitStack() as stack:
        embedder = stack.enter_context(contextlib.closing(open_embedder(settings)))
        vectors = stack.enter_context(contextlib.closing(open_vector_store(settings)))
        yield stack.enter_context(contextlib.closing(open_search(settings, vectors, embedder))), vectors
