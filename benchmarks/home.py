"""A fresh home for a benchmark: embedded stores in a temporary folder, the product's own functions on them."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aethergrid_pipelines.flow.stores import Stores, open_stores
from aethergrid_pipelines.query.records import Filters, Hit, SearchRequest
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.settings import Settings, load_settings


@dataclass(slots=True)
class Home:
    """Stores and search on one home."""

    stores: Stores
    asking: Search

    def import_and_materialise(self, paths: Sequence[str | Path]) -> None:
        """Import files and run the six assets over all days, with their checks, as the sensor would."""
        import dagster as dg

        from aethergrid_pipelines.demo import import_files, materialise_assets

        import_files(self.stores, paths)
        with dg.DagsterInstance.ephemeral() as instance:
            materialise_assets(self.stores, instance)

    def search(self, query: str, *, conversation_ids: Sequence[str] = (), limit: int = 10) -> list[Hit]:
        """The hits of a query, best first."""
        filters = Filters(conversation_ids=list(conversation_ids))
        return self.asking.search(SearchRequest(query=query, filters=filters, max_results=limit)).results


@contextmanager
def fresh_home() -> Iterator[Home]:
    """A home that is gone afterwards. The model is taken from where the caller's settings keep it."""
    models = load_settings().models_path
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AETHERGRID_HOME"], os.environ["AETHERGRID_MODELS"] = folder, str(models)
        load_settings.cache_clear()
        with open_stores(Settings()) as stores:
            asking = Search(stores.vectors, stores.embedder)
            yield Home(stores, asking)
            asking.close()
