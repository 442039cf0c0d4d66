"""The caches of the query service: in this process, and in Redis where ``REDIS_URL`` is set."""

import logging
from threading import Lock
from time import perf_counter_ns

from aethergrid_pipelines.embedders.protocol import Embedder
from aethergrid_pipelines.flow import index_version
from aethergrid_pipelines.query.cached import EMBEDDING_SECONDS, CachedEmbedder, CachedSearch
from aethergrid_pipelines.query.levels import LevelFigures, Levels
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.breaker import Breaker
from aethergrid_pipelines.stores.cache import Cache
from aethergrid_pipelines.stores.catalog import Catalog
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.memory_cache import MemoryCache
from aethergrid_pipelines.stores.select import open_shared_cache

logger = logging.getLogger(__name__)

MIB = 1_048_576
EMBEDDING_BYTES = 16 * MIB
"""About 8,000 questions of 384 dimensions."""
CATALOG_PAUSE_SECONDS = 5.0


class Caches:
    """Thread-safe. Nothing is contacted before the first question."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._answers_near = MemoryCache(settings.cache_mb * MIB)
        self._embeddings_near = MemoryCache(EMBEDDING_BYTES)
        self._shared = open_shared_cache(settings)
        shared: list[Cache] = [] if self._shared is None else [self._shared]
        self._answers = Levels("answers", [self._answers_near, *shared], seconds=settings.cache_seconds)
        self._embeddings = Levels("embeddings", [self._embeddings_near, *shared], seconds=EMBEDDING_SECONDS)

    def embedder(self, embedder: Embedder) -> CachedEmbedder:
        """``embedder`` with a cache of questions before it."""
        return CachedEmbedder(embedder, self._embeddings)

    def search(self, search: Search, embedder: str, catalog: Catalog) -> CachedSearch:
        """``search`` with a cache of answers before it, which are good as long as the catalog's index version."""
        kept = self._settings.cache_seconds > 0
        return CachedSearch(
            search,
            self._answers,
            near=self._answers_near,
            version=IndexVersion(catalog) if kept else lambda: None,
            space=self._settings.space,
            embedder=embedder,
        )

    def figures(self) -> list[LevelFigures]:
        """Of every cache and level."""
        return [*self._answers.figures(), *self._embeddings.figures()]

    def close(self) -> None:
        """Release memory and connections."""
        self._answers_near.close()
        self._embeddings_near.close()
        if self._shared is not None:
            self._shared.close()


class IndexVersion:
    """The index version of a catalog, as it is when it is asked for; ``None`` where it cannot be told, and for some
    seconds after. Thread-safe.

    Of many that ask at once one reads, over one connection: what was read after one asked is good for that one, too.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._breaker = Breaker(CATALOG_PAUSE_SECONDS)
        self._turn = Lock()
        self._read_at = 0
        self._version: str | None = None

    def __call__(self) -> str | None:
        asked_at = perf_counter_ns()
        with self._turn:
            if self._read_at <= asked_at:
                self._read_at = perf_counter_ns()
                self._version = self._read()
            return self._version

    def _read(self) -> str | None:
        if not self._breaker.allows():
            return None
        try:
            found = index_version.current(self._catalog)
        except StoreUnavailable as error:
            self._breaker.failed()
            logger.warning("answers are not kept for now: %s", error)
            return None
        self._breaker.succeeded()
        return found
