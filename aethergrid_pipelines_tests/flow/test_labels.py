"""The vectors of the labels: embedded once, whoever asks, and found again by the next process."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.embedders.protocol import Embedded
from aethergrid_pipelines.flow.labels import open_enricher
from aethergrid_pipelines.flow.stores import open_stores
from aethergrid_pipelines.records.flow import Chunk
from aethergrid_pipelines.settings import Settings, load_settings


class Remembering(LocalEmbedder):
    """Keeps the texts that it was asked for."""

    def __init__(self, models: Path) -> None:
        super().__init__(models)
        self.asked: list[Sequence[str]] = []

    def embed(self, texts: Sequence[str]) -> Embedded:
        self.asked.append(texts)
        return super().embed(texts)


@pytest.fixture
def own() -> Settings:
    """With a folder for models in which nothing is left yet."""
    return load_settings().model_copy(update={"models": None})


def test_batches_that_begin_at_once_have_them_embedded_once(own: Settings, models: Path) -> None:
    with open_stores(own) as stores, ThreadPoolExecutor(4) as pool:
        stores.embedder = embedder = Remembering(models)
        found = list(pool.map(open_enricher, [stores] * 4))
    assert len(set(map(id, found))) == 1
    topics, task_types = embedder.asked
    assert topics != task_types


def test_another_process_reads_what_was_embedded(own: Settings, models: Path) -> None:
    texts = ["The pods restart since the certificate expired.", "Which violin should a child begin with?"]
    rows: list[dict[str, Any]] = [{"text": text} for text in texts]
    labels = []
    for embedded in (True, False):
        with open_stores(own) as stores:
            stores.embedder = embedder = Remembering(models)
            enricher = open_enricher(stores)
            assert bool(embedder.asked) is embedded
            vectors = embedder.embed(texts).vectors
            labels.append(enricher.enrich([Chunk.model_construct(**row) for row in rows], vectors))
    assert labels[0] == labels[1]
    assert labels[0][0].topic != labels[0][1].topic
