"""The stores and the embedder that requests use.

Each is opened at its first use, so that one that is missing or wrongly set fails the requests that need it, not all.
"""

import logging
from collections.abc import Callable
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aethergrid_pipelines.api.caches import Caches
from aethergrid_pipelines.capture.spool import Spool, open_spool
from aethergrid_pipelines.embedders.protocol import Embedder, EmbedderUnavailable, UnknownEmbedder
from aethergrid_pipelines.query.answering import Answerer
from aethergrid_pipelines.query.cached import CachedSearch
from aethergrid_pipelines.query.contextual import Packer
from aethergrid_pipelines.query.opening import open_answerer, open_search
from aethergrid_pipelines.query.records import SearchRequest
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.catalog import Catalog
from aethergrid_pipelines.stores.conversations import ConversationStore
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.select import open_catalog, open_conversation_store, open_vector_store
from aethergrid_pipelines.stores.vectors import CollectionMissing, DimensionMismatch, VectorStore

if TYPE_CHECKING:
    from aethergrid_pipelines.flow.stores import Stores

logger = logging.getLogger(__name__)

Opened = TypeVar("Opened")

UNREADY = (StoreUnavailable, EmbedderUnavailable, UnknownEmbedder, DimensionMismatch, CollectionMissing)
"""What a component raises that cannot serve now."""

WARM_UP_SECONDS = 15.0

CLOSING = (
    "spool",
    "answerer",
    "packer",
    "answers",
    "search",
    "caches",
    "embedder",
    "vectors",
    "catalog",
    "conversations",
)
"""The order in which components are closed."""


class Components:
    """Thread-safe. Properties raise what opening raises, at every use until it succeeds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # One each: what is captured need not wait until a model is loaded.
        self._locks = {name: RLock() for name in CLOSING}
        self._opened: dict[str, Any] = {}
        self._warming: Thread | None = None

    @property
    def conversations(self) -> ConversationStore:
        return self._once("conversations", lambda: open_conversation_store(self.settings))

    @property
    def spool(self) -> Spool:
        return self._once("spool", lambda: open_spool(self.settings, lambda: self.conversations))

    @property
    def catalog(self) -> Catalog:
        return self._once("catalog", lambda: open_catalog(self.settings))

    @property
    def vectors(self) -> VectorStore:
        return self._once("vectors", lambda: open_vector_store(self.settings))

    @property
    def embedder(self) -> Embedder:
        def opened() -> Embedder:
            from aethergrid_pipelines.embedders.select import open_embedder

            return open_embedder(self.settings)

        return self._once("embedder", opened)

    @property
    def search(self) -> Search:
        def opened() -> Search:
            return open_search(self.settings, self.vectors, self.caches.embedder(self.embedder))

        return self._once("search", opened)

    @property
    def answers(self) -> CachedSearch:
        """:attr:`search` with a cache before it."""
        return self._once("answers", lambda: self.caches.search(self.search, self.embedder.name, self.catalog))

    @property
    def caches(self) -> Caches:
        return self._once("caches", lambda: Caches(self.settings))

    @property
    def packer(self) -> Packer:
        return self._once("packer", lambda: Packer(self.search, self.vectors))

    @property
    def answerer(self) -> Answerer:
        return self._once("answerer", lambda: open_answerer(self.settings, self.packer))

    def stores(self) -> "Stores":
        """All of them as the flow takes them; closing is done here."""
        from aethergrid_pipelines.flow.stores import Stores

        return Stores(self.settings, self.conversations, self.catalog, self.vectors, self.embedder)

    def warm_up(self, then: Callable[[], None] | None = None) -> Thread:
        """Load model and index in the background, so that the first question need not wait for them."""
        if self.settings.capture_enabled:
            self._open_spool()
        thread = Thread(target=self._warm, args=(then,), name="warm-up", daemon=True)
        self._warming = thread
        thread.start()
        return thread

    def close(self) -> None:
        """Release everything; idempotent."""
        # What is half open cannot be closed: the warm-up ends first, where it ends.
        if self._warming is not None:
            self._warming.join(WARM_UP_SECONDS)
        # The spool first, which stores what it can of what waits.
        for name in CLOSING:
            with self._locks[name]:
                opened = self._opened.pop(name, None)
            if opened is not None:
                opened.close()

    def _open_spool(self) -> None:
        # What an earlier process left goes to the store without waiting for the next request.
        try:
            _ = self.spool
        except StoreUnavailable as error:
            logger.warning("%s", error)

    def _warm(self, then: Callable[[], None] | None) -> None:
        try:
            self.embedder.embed_query("warm-up")
            self.answers.answer(SearchRequest(query="warm-up"))
        except UNREADY as error:
            logger.warning("not ready for questions: %s", error)
        if then is not None:
            then()

    def _once(self, name: str, opening: Callable[[], Opened]) -> Opened:
        if name not in self._opened:
            with self._locks[name]:
                if name not in self._opened:
                    self._opened[name] = opening()
        return cast(Opened, self._opened[name])
