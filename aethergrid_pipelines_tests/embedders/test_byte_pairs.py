"""Counting tokens of models that are known by name only."""

import logging
import threading

import pytest
import tiktoken

from aethergrid_pipelines.embedders.byte_pairs import BytePairTokenizer, EstimatingTokenizer, open_tokenizer
from aethergrid_pipelines.embedders.protocol import Tokenizer

# A real encoding with a small vocabulary: every byte, and four merges.
ENCODING = tiktoken.Encoding(
    "small",
    pat_str=r" ?\w+| ?[^\s\w]+|\s+",
    mergeable_ranks={bytes([byte]): byte for byte in range(256)} | {b"th": 256, b"the": 257, b" t": 258, b" the": 259},
    special_tokens={},
)
TOKENIZERS: list[Tokenizer] = [BytePairTokenizer(ENCODING), EstimatingTokenizer()]
TEXTS = ["", "the theme", "naïve 漢字 🙂", "x = {'a': 1}\n\n\treturn", "lone \ud83d surrogate"]


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: tokenizer.name)
@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_offsets_and_count_agree_and_lie_in_the_text(tokenizer: Tokenizer, text: str) -> None:
    offsets = tokenizer.offsets(text)
    assert tokenizer.count([text]) == [len(offsets)]
    assert all(0 <= start < end <= len(text) for start, end in offsets)
    assert offsets == sorted(offsets)
    assert {char for start, end in offsets for char in range(start, end)} == set(range(len(text)))


def test_byte_pairs_follow_the_encoding() -> None:
    text = "the theme"
    assert [text[start:end] for start, end in BytePairTokenizer(ENCODING).offsets(text)] == ["the", " the", "m", "e"]


@pytest.mark.parametrize(
    ("text", "tokens"), [("ab", 1), ("abc", 2), ("a  b", 3), ("a.b", 3), ("é", 1), ("漢", 2), ("🙂", 4)]
)
def test_the_estimate_counts_as_documented(text: str, tokens: int) -> None:
    assert EstimatingTokenizer().count([text]) == [tokens]


@pytest.mark.parametrize("error", [ConnectionError("no route"), ValueError("Unknown encoding")], ids=repr)
def test_without_a_vocabulary_counts_are_estimated_and_a_warning_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def refuse(name: str) -> tiktoken.Encoding:
        raise error

    monkeypatch.setattr(tiktoken, "get_encoding", refuse)
    with caplog.at_level(logging.WARNING):
        assert isinstance(open_tokenizer(), EstimatingTokenizer)
    assert "TIKTOKEN_CACHE_DIR" in caplog.text


def test_a_network_that_swallows_packets_does_not_hold_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(name: str) -> tiktoken.Encoding:
        released.wait(30)
        return ENCODING

    monkeypatch.setattr(tiktoken, "get_encoding", hang)
    assert isinstance(open_tokenizer(timeout=0.01), EstimatingTokenizer)
    released.set()


def test_with_a_vocabulary_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: ENCODING)
    assert open_tokenizer().name == "small"
