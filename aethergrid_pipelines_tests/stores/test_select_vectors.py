"""The settings select the vector store."""

from pathlib import Path

import pytest

from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines.stores.select import open_vector_store
from aethergrid_pipelines.stores.weaviate_vectors import WeaviateVectorStore


def test_without_an_address_the_embedded_store_serves(tmp_path: Path) -> None:
    store = open_vector_store(Settings())
    assert isinstance(store, LanceVectorStore)
    store.ensure("Fragments", dimension=4, embedder="e")
    assert (tmp_path / "home" / "vectors" / "collections.json").is_file()


def test_an_address_selects_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVIATE_URL", "http://127.0.0.1:9")
    assert isinstance(open_vector_store(Settings()), WeaviateVectorStore)
