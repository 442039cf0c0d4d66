"""What holds for the chunks of any text, by any tokenizer."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aethergrid_pipelines.records.flow import Chunk, CleanedMessage
from aethergrid_pipelines.records.ids import sha256_hex
from aethergrid_pipelines.transform.chunk import chunk, embedded_text
from aethergrid_pipelines_tests.transform.conversations import WordTokenizer, cleaned, tokenizer

SNIPPETS = [
    *("\n", "\n\n", "\n\n\n\n", "\r\n", "  ", "\t", " "),
    *("# Title\n", "\n## Part two\n", "#### Deep\n\n", "Title\n=====\n"),
    *("```\n", "```python\n", "````\n", "~~~\n", "~~~~ sh\n", "`code`", "> quoted\n"),
    *("| a | b |\n|---|---|\n", "| 1 | 2 |\n", "- item\n", "    - nested\n", "12. twelfth\n"),
    *(
        "A sentence ends here. ",
        "Dr. No said v1.39.0 is out! ",
        "今日は晴れです。",
        "מה שלומך? ",
        "كيف حالك؟ ",
        "यह है। ",
    ),
    *("👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "e\u0301", "\u0301" * 5, "<div>x</div>", '{"a":[1,2,{"b":"c"}]},', "snake_case_name "),
    *("x" * 150, "漢" * 90, "word " * 30, "a,b;c:d/e-f_g", "\x00", "\ufffd", "https://a.example/b?c=d&e=f "),
]
TEXTS = st.lists(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=30)), max_size=60).map("".join)
MESSAGES = st.lists(st.tuples(TEXTS, st.one_of(st.none(), st.sampled_from(["Ada", "名前", "n " * 40]))), max_size=3)


def assert_sound(messages: list[CleanedMessage], chunks: list[Chunk], name: str, window: int) -> None:
    counted = tokenizer(name).count([embedded_text(piece) for piece in chunks])
    assert [piece.tokens for piece in chunks] == counted
    assert all(tokens <= window for tokens in counted)
    assert [piece.ordinal for piece in chunks] == list(range(len(chunks)))
    assert len({piece.id for piece in chunks}) == len(chunks)
    for said in messages:
        own = [piece for piece in chunks if piece.message_id == said.id]
        at = 0
        for part, piece in enumerate(own):
            assert piece.part == part
            assert piece.text == said.content[piece.start : piece.end]
            assert piece.text.strip()
            assert piece.sha256 == sha256_hex(embedded_text(piece))
            assert not said.content[at : piece.start].strip()
            assert piece.start >= at
            at = piece.end
        assert not said.content[at:].strip()


@pytest.mark.parametrize("name", ["words", "bytes", "pieces"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(said=MESSAGES, window=st.sampled_from([8, 16, 31, 64, 256]))
def test_chunks_fit_the_window_and_cover_the_text_in_order(
    name: str, said: list[tuple[str, str | None]], window: int
) -> None:
    messages = [cleaned(text, number, speaker=speaker) for number, (text, speaker) in enumerate(said)]
    assert_sound(messages, chunk(messages, tokenizer(name), window), name, window)


@settings(max_examples=60)
@given(text=TEXTS, window=st.sampled_from([16, 64, 256]))
def test_a_message_is_one_chunk_exactly_when_it_fits(text: str, window: int) -> None:
    pieces = chunk([cleaned(text)], WordTokenizer(), window)
    assert (len(pieces) <= 1) == (WordTokenizer().count([text])[0] <= window)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "text",
    [
        "# Part\n\nA sentence, and more of it. Another one.\n\n```py\nx = 1\n\n\ny = 2\n```\n\n- item\n" * 60_000,
        "word, and " * 100_000,
        '{"key":"value","list":[1,2,3]},' * 32_000,
        "漢" * 1_000_000,
        "👨‍👩‍👧‍👦" * 100_000,
        "```\n" + "x = 1\n" * 160_000,
        "```\n" * 250_000,
        "# a\n" * 250_000,
        "a" + " " * 1_000_000 + "b",
        "[" * 500_000,
    ],
    ids=["markdown", "line", "json", "cjk", "emoji", "code", "fences", "headings", "spaces", "brackets"],
)
def test_megabytes_are_chunked(text: str) -> None:
    messages = [cleaned(text, speaker="Ada")]
    assert_sound(messages, chunk(messages, WordTokenizer(), 64), "words", 64)
