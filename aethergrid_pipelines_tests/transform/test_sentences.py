"""Where a sentence ends, and where a full stop does not end one."""

from itertools import pairwise

import pytest

from aethergrid_pipelines.transform.sentences import sentence_starts


def sentences(text: str) -> list[str]:
    cuts = [0, *sentence_starts(text), len(text)]
    return [text[start:end].strip() for start, end in pairwise(cuts)]


@pytest.mark.parametrize(
    "expected",
    [
        ["One.", "Two!", "Three?", "Four"],
        ["Dr. Smith met Mrs. Jones.", "They left."],
        ["It costs 3.50 now.", "Version v1.39.0 is out."],
        ["See https://a.example/b.html?c=d.", "Then go on."],
        ["Use e.g. Weaviate, i.e. a store.", "Done."],
        ["J. R. R. Tolkien wrote it.", "He did."],
        ["We met at 4 p.m. on Monday.", "Fine."],
        ["Tea, coffee, etc.", "Then we left."],
        ['"Really!" she said.', "He nodded."],
        ["He asked “why?”", "Nobody knew."],
        ["Wait... what is it?", "Nothing."],
        ["Is it so?", "No.", "It is not."],
        ["今日は晴れです。", "明日は雨？", "「はい！」", "そうです"],
        ["你好。", "再见！"],
        ["यह एक वाक्य है।", "यह दूसरा है।"],
        ["هل هذا صحيح؟", "نعم بالتأكيد."],
        ["**Bold.**", "Next one."],
    ],
)
def test_sentences_are_found(expected: list[str]) -> None:
    joiner = "" if ord(expected[0][0]) > 0x3000 else " "
    assert sentences(joiner.join(expected)) == expected


def test_the_number_of_a_list_item_is_no_sentence() -> None:
    assert sentences("1. First item\n2. Second item\n") == ["1. First item\n2. Second item"]
