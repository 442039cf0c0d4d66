"""Everything that a step works with, opened from the settings."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aethergrid_pipelines.flow.in_flight import InFlight
from aethergrid_pipelines.flow.known_labels import KnownLabels
from aethergrid_pipelines.flow.upkeep import Upkeep
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.catalog import Catalog
from aethergrid_pipelines.stores.conversations import ConversationStore
from aethergrid_pipelines.stores.select import open_catalog, open_conversation_store, open_vector_store
from aethergrid_pipelines.stores.vectors import VectorStore

if TYPE_CHECKING:
    from aethergrid_pipelines.embedders.protocol import Embedder
    from aethergrid_pipelines.transform.enrich import Enricher


@dataclass(slots=True)
class Stores:
    """The stores and the embedder of one process. Close it, or use it as a context manager."""

    settings: Settings
    conversations: ConversationStore
    catalog: Catalog
    vectors: VectorStore
    embedder: "Embedder"
    enricher: "Enricher | None" = None
    in_flight: InFlight = field(default_factory=InFlight)
    labels: KnownLabels = field(default_factory=KnownLabels)
    upkeep: Upkeep = field(default_factory=Upkeep)

    def __enter__(self) -> "Stores":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release connections, threads and memory; idempotent."""
        self.upkeep.close()
        self.embedder.close()
        self.vectors.close()
        self.catalog.close()
        self.conversations.close()


def open_stores(settings: Settings) -> Stores:
    """Open what the settings select. Nothing is contacted yet; raises ``UnknownEmbedder`` or ``DimensionMismatch``."""
    from aethergrid_pipelines.embedders.select import open_embedder

    return Stores(
        settings=settings,
        embedder=open_embedder(settings),
        conversations=open_conversation_store(settings),
        catalog=open_catalog(settings),
        vectors=open_vector_store(settings),
    )
