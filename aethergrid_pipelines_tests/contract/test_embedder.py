"""What every embedder promises. The OpenAI-compatible one talks to a real server that serves the local model."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from aethergrid_pipelines.embedders.byte_pairs import EstimatingTokenizer
from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.embedders.openai_compatible import OpenAiEmbedder
from aethergrid_pipelines.embedders.protocol import Embedder
from aethergrid_pipelines_tests.embedders.bad_server import EmbeddingServer, Vectors

TEXTS = [
    "How do I undo the last commit?",
    "Reverting a change in git",
    "A recipe for lentil soup",
    "def area(r):\n    return 3.14 * r**2",
    "naïve café 漢字 🙂",
]


@pytest.fixture(scope="module", params=["local int8", "local fp32", "openai-compatible"])
def embedder(request: pytest.FixtureRequest, models: Path) -> Iterator[Embedder]:
    local = LocalEmbedder(models, threads=2, precision="fp32" if request.param == "local fp32" else "int8")
    if request.param != "openai-compatible":
        yield local
        local.close()
        return

    def serve(texts: Sequence[str], dimension: int) -> Vectors:
        vectors: Vectors = local.embed(texts).vectors.tolist()
        return vectors

    with EmbeddingServer(vectors=serve, native_dimension=384) as server:
        remote = OpenAiEmbedder("local-model", base_url=server.url, tokenizer=EstimatingTokenizer())
        yield remote
        remote.close()
    local.close()


def test_one_float32_vector_of_length_1_for_each_text(embedder: Embedder) -> None:
    embedded = embedder.embed(TEXTS)
    assert embedded.failures == {}
    assert embedded.vectors.shape == (len(TEXTS), embedder.dimension)
    assert embedded.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(embedded.vectors, axis=1), 1, atol=1e-6)


def test_no_texts_are_no_vectors(embedder: Embedder) -> None:
    embedded = embedder.embed([])
    assert embedded.vectors.shape == (0, embedder.dimension)
    assert embedded.failures == {}


def test_vectors_are_in_the_order_of_the_texts_and_the_same_each_time(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS).vectors
    assert np.array_equal(embedder.embed(TEXTS[::-1]).vectors[::-1], vectors)
    assert np.array_equal(embedder.embed(TEXTS[:1]).vectors[0], vectors[0])


def test_a_question_has_the_vector_of_the_same_text(embedder: Embedder) -> None:
    vector = embedder.embed_query(TEXTS[0])
    assert vector.shape == (embedder.dimension,)
    assert vector.dtype == np.float32
    assert np.array_equal(vector, embedder.embed(TEXTS).vectors[0])


def test_what_means_the_same_is_near(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS).vectors
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_the_tokenizer_says_how_much_of_a_text_is_read(embedder: Embedder) -> None:
    assert embedder.window > 0
    assert embedder.tokenizer.name
    for text in TEXTS:
        offsets = embedder.tokenizer.offsets(text)
        assert embedder.tokenizer.count([text]) == [len(offsets)]
        assert all(0 <= start < end <= len(text) for start, end in offsets)


def test_many_threads_may_use_one_embedder(embedder: Embedder) -> None:
    expected = embedder.embed(TEXTS).vectors
    results: list[bool] = []

    def use() -> None:
        results.append(np.array_equal(embedder.embed(TEXTS).vectors, expected))
        results.append(np.array_equal(embedder.embed_query(TEXTS[0]), expected[0]))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 12
