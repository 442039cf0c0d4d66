"""A fresh home for a benchmark: embedded stores in a temporary folder, the product's own functions on them."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from aethergrid_pipelines.embedders.protocol import Embedder
from aethergrid_pipelines.flow.stores import Stores, open_stores
from aethergrid_pipelines.query.records import Filters, Hit, SearchRequest
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.settings import Settings, load_settings

SERVERS = ("POSTGRES_URL", "MONGODB_URL", "WEAVIATE_URL", "REDIS_URL", "EMBEDDING_MODEL", "VECTOR_DIMENSIONS")


@dataclass(slots=True)
class Home:
    """Stores and search on one home."""

    folder: Path
    stores: Stores
    asking: Search
    variables: Mapping[str, str]
    """What a child process needs beside the folder to mean the same stores."""

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
def fresh_home(
    *, embedder: Embedder | None = None, variables: Mapping[str, str] | None = None, keep: Path | None = None
) -> Iterator[Home]:
    """A home that is gone afterwards, on embedded stores whatever servers the caller's settings name; ``variables``
    name those that are meant. With ``keep``, the home is made in that folder, new or empty, and stays.

    The model is taken from where the settings keep it. With ``embedder``, that one takes its place.
    """
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise SystemExit(f"{keep} is not empty")
    models = load_settings().models_path
    place = tempfile.TemporaryDirectory(prefix="aethergrid-benchmark-") if keep is None else nullcontext(str(keep))
    with place as folder, opened_home(Path(folder), models, embedder=embedder, variables=variables) as home:
        yield home


@contextmanager
def opened_home(
    folder: Path, models: Path, *, embedder: Embedder | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[Home]:
    """The home in a folder. Afterwards the settings mean what they meant before: another home may be open around it."""
    variables = variables or {}
    try:
        with mock.patch.dict(os.environ):
            select_embedded(folder, models if embedder is None else folder / "models")
            os.environ.update(variables)
            with open_stores(Settings()) as stores:
                if embedder is not None:
                    stores.embedder.close()
                    stores.embedder = embedder
                asking = Search(stores.vectors, stores.embedder)
                yield Home(folder, stores, asking, variables)
                asking.close()
    finally:
        load_settings.cache_clear()


def select_embedded(folder: Path, models: Path) -> None:
    """Let the settings of this process, and of its children, mean a home: a benchmark never writes to a real memory."""
    for name in SERVERS:
        os.environ.pop(name, None)
    # A .env in the working directory may name servers, too.
    Settings.model_config["env_file"] = None
    os.environ["AETHERGRID_HOME"], os.environ["AETHERGRID_MODELS"] = str(folder), str(models)
    load_settings.cache_clear()
