"""The local embedder: the same text has the same vector, and the tokenizer cuts where the model does."""

import random
from pathlib import Path

import numpy as np
import pytest

from aethergrid_pipelines.embedders.local import CALL_TOKENS, KEPT_COUNTS, LocalEmbedder, WordPieceTokenizer, calls

WORDS = ["the", "parser", "reads", "tokens", "until", "its", "buffer", "is", "full", "naïve", "漢字", "🙂", "x=1;"]


def texts(count: int, seed: int = 3) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=chance.randint(1, 120))) for _ in range(count)]


@pytest.fixture(scope="module")
def embedder(models: Path) -> LocalEmbedder:
    return LocalEmbedder(models, threads=2)


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("number", [1, 2, 3, 500])
def test_each_text_is_in_one_call_and_the_last_ones_are_small(number: int, threads: int) -> None:
    lengths = sorted((3 + at * 37 % 254 for at in range(number)), reverse=True)
    found = calls(lengths, threads)
    assert [length for call in found for length in lengths[call]] == lengths
    assert all(sum(lengths[call]) <= CALL_TOKENS for call in found)
    assert len(found) >= min(number, threads)
    assert len(lengths[found[-1]]) == 1


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_vector_does_not_depend_on_company_order_or_threads(models: Path, precision: str) -> None:
    some = texts(24)
    one = LocalEmbedder(models, threads=1, precision="int8" if precision == "int8" else "fp32")
    four = LocalEmbedder(models, threads=4, precision="int8" if precision == "int8" else "fp32")
    alone = np.stack([one.embed([text]).vectors[0] for text in some])
    assert np.array_equal(one.embed(some).vectors, alone)
    assert np.array_equal(four.embed(some).vectors, alone)
    assert np.array_equal(four.embed(some[::-1]).vectors[::-1], alone)
    assert np.array_equal(np.stack([four.embed_query(text) for text in some]), alone)


def test_the_variant_belongs_to_the_name(models: Path) -> None:
    names = {LocalEmbedder(models).name, LocalEmbedder(models, precision="fp32").name}
    assert names == {"all-MiniLM-L6-v2-int8-256", "all-MiniLM-L6-v2-fp32-256"}


def test_what_is_beyond_the_window_does_not_matter(embedder: LocalEmbedder) -> None:
    inside = "word " * embedder.window
    assert embedder.tokenizer.count([inside]) == [embedder.window]
    assert np.array_equal(embedder.embed_query(inside), embedder.embed_query(inside + "beyond"))
    assert not np.array_equal(embedder.embed_query(inside), embedder.embed_query("word " * (embedder.window - 1)))


def test_offsets_span_what_the_model_reads() -> None:
    text = "Naïve tokenizers don't: 漢字 🙂 x=1"
    pieces = [text[start:end] for start, end in WordPieceTokenizer().offsets(text)]
    assert pieces == ["Naïve", "token", "izer", "s", "don", "'", "t", ":", "漢", "字", "🙂", "x", "=", "1"]


def test_offsets_are_neither_cut_nor_padded() -> None:
    tokenizer = WordPieceTokenizer()
    assert len(tokenizer.offsets("word " * 1_000)) == 1_000
    assert tokenizer.count(["", "word", "word word"]) == [0, 1, 2]


def test_what_was_counted_has_the_ids_that_it_has_anyway() -> None:
    texts = ["Which queue?", "RabbitMQ, until March.", "Which queue?", "", "word " * 600, "x" * 5_000]
    counting, fresh = WordPieceTokenizer(), WordPieceTokenizer()
    counts = counting.count(texts)
    for _ in range(2):
        found = counting.ids(texts)
        assert [len(ids) for ids in found] == counts
        assert [ids.tolist() for ids in found] == [ids.tolist() for ids in fresh.ids(texts)]


def test_what_was_counted_is_kept_within_bounds() -> None:
    tokenizer = WordPieceTokenizer()
    tokenizer.count(["y" * 100_000, "word " * 600, *(f"text {number}" for number in range(KEPT_COUNTS + 10))])
    assert len(tokenizer._counted) == KEPT_COUNTS
    assert max(map(len, tokenizer._counted)) < 20


def test_a_lone_surrogate_is_one_character_and_no_error(embedder: LocalEmbedder) -> None:
    text = "before \ud83d after"
    assert text[slice(*embedder.tokenizer.offsets(text)[-1])] == "after"
    assert abs(float(np.linalg.norm(embedder.embed([text]).vectors[0])) - 1) < 1e-6


def test_it_works_again_after_close(models: Path) -> None:
    embedder = LocalEmbedder(models, threads=2)
    before = embedder.embed(texts(3)).vectors
    embedder.close()
    embedder.close()
    assert np.array_equal(embedder.embed(texts(3)).vectors, before)
    embedder.close()
