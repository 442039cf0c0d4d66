"""Words that were seen before: the ids are the library's, whatever the text, and memory is bounded."""

import random

import pytest
from tokenizers import Tokenizer

from aethergrid_pipelines.embedders.known_words import KnownWords
from aethergrid_pipelines.embedders.minilm_graph import weights_folder

# What a rule about characters may trip over: marks, ligatures, controls, spaces of all kinds, scripts without spaces.
PARTS = [
    *("word", "Naïve", "e\u0301", "İ", "ß", "ΟΔΟΣ", "ς", "ﬁ", "≮", "Ⅷ", "\u0301", "\u0345", "\u200b"),
    *("\ufeff", "\ufffd", " ", "  ", "\n", "\t", "\r\n", "\x00", "\x0b", "\x1c", "\x85", "\u00a0", "\u2028", "\ue000"),
    *("漢字", "，", "。", "한국", "ไทย", "क्षि", "👩‍👩‍👧", "🙂", "’", "—", "…", "€", "٣", "x" * 101, "12345"),
    *("[CLS]", "[SEP]", "[MASK]", "[UNK]", "[", "]", "##", "don't", "x=1;", "a_b", "C:\\d", "~", "{}", "|"),
]


@pytest.fixture(scope="module")
def library() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(weights_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def test_the_ids_are_those_of_the_library(library: Tokenizer) -> None:
    words, chance = KnownWords(library), random.Random(7)
    for _ in range(5_000):
        text = "".join(chance.choices(PARTS, k=chance.randint(0, 9)))
        assert words.ids(text).tolist() == library.encode(text, add_special_tokens=False).ids, text
