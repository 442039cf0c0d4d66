import pytest
import tiktoken

from aethergrid_pipelines.embedders.byte_pairs import BytePairTokenizer
from aethergrid_pipelines.embedders.protocol import Tokenizer
from aethergrid_pipelines.query.token_counts import AGAIN_SECONDS, TokenCounts

# A real encoding with a small vocabulary: every byte.
ENCODING = tiktoken.Encoding(
    "o200k_base",
    pat_str=r" ?\w+| ?[^\s\w]+|\s+",
    mergeable_ranks={bytes([byte]): byte for byte in range(256)},
    special_tokens={},
)


class Vocabularies:
    def __init__(self, *, missing: bool = False) -> None:
        self.asked: list[str] = []
        self.missing = missing

    def __call__(self, name: str) -> Tokenizer:
        self.asked.append(name)
        if self.missing:
            raise ConnectionError("no route")
        return BytePairTokenizer(ENCODING)


@pytest.mark.parametrize("model", ["gpt-5", "openai/gpt-4o-2024-08-06", "o3-mini"])
def test_a_model_counts_by_its_own_vocabulary_which_is_loaded_once(model: str) -> None:
    vocabularies = Vocabularies()
    counts = TokenCounts(vocabularies)

    tokenizer, counted_by = counts.of(model)
    counts.of(model)

    assert tokenizer.count(["ab"]) == [2]
    assert (counted_by.name, counted_by.exact, counted_by.note) == ("o200k_base", True, None)
    assert vocabularies.asked == ["o200k_base"]


@pytest.mark.parametrize("model", [None, "claude-opus-4-5", "qwen2.5:7b"])
def test_a_model_without_a_public_vocabulary_counts_by_the_local_one_and_says_so(model: str | None) -> None:
    vocabularies = Vocabularies()

    tokenizer, counted_by = TokenCounts(vocabularies).of(model)

    assert tokenizer.count(["connection pool"]) == [2]
    assert counted_by.name == tokenizer.name == "all-MiniLM-L6-v2-wordpiece"
    assert not counted_by.exact
    assert (model or "no model") in (counted_by.note or "")
    assert vocabularies.asked == []


def test_a_vocabulary_that_is_not_here_is_named_and_asked_for_again_later() -> None:
    vocabularies = Vocabularies(missing=True)
    now = 0.0
    counts = TokenCounts(vocabularies, clock=lambda: now)

    _, counted_by = counts.of("gpt-5")
    counts.of("gpt-5")

    assert counted_by.name == "all-MiniLM-L6-v2-wordpiece"
    assert "o200k_base" in (counted_by.note or "")
    assert "TIKTOKEN_CACHE_DIR" in (counted_by.note or "")
    assert len(vocabularies.asked) == 1
    now, vocabularies.missing = AGAIN_SECONDS + 1, False
    assert counts.of("gpt-5")[1].exact
