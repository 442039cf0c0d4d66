"""A filled memory in LanceDB, with the real local model; built once, as these tests only read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines_tests.conftest import MODELS
from aethergrid_pipelines_tests.query.memory import fill


@pytest.fixture(scope="session")
def embedder() -> Iterator[LocalEmbedder]:
    opened = LocalEmbedder(Path(MODELS), threads=1)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, embedder: LocalEmbedder) -> LanceVectorStore:
    store = LanceVectorStore(tmp_path_factory.mktemp("vectors"))
    fill(store, embedder)
    return store


@pytest.fixture
def search(filled: LanceVectorStore, embedder: LocalEmbedder) -> Iterator[Search]:
    opened = Search(filled, embedder)
    yield opened
    opened.close()
