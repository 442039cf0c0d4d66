"""Where messages are cut, and what their chunks say of themselves."""

import pytest

from aethergrid_pipelines.records.flow import Chunk
from aethergrid_pipelines.records.ids import chunk_id, sha256_hex
from aethergrid_pipelines.transform.chunk import SMALLEST_WINDOW, chunk, embedded_text
from aethergrid_pipelines_tests.transform.conversations import WordTokenizer, cleaned, tokenizer

SENTENCE = "Every word of this sentence counts as one token here. "


def texts(content: str, window: int) -> list[str]:
    return [piece.text for piece in chunk([cleaned(content)], WordTokenizer(), window)]


def with_text(chunks: list[Chunk], text: str) -> Chunk:
    return next(piece for piece in chunks if text in piece.text)


def test_a_message_that_fits_is_one_chunk_and_messages_are_never_merged() -> None:
    chunks = chunk([cleaned("Yes.", 0), cleaned("# Title\n\nNo.", 1)], WordTokenizer(), 64)
    assert [piece.text for piece in chunks] == ["Yes.", "# Title\n\nNo."]
    assert [(piece.ordinal, piece.part, piece.heading) for piece in chunks] == [(0, 0, None), (1, 0, None)]


def test_a_message_that_fits_exactly_is_not_cut() -> None:
    assert len(texts("word " * 32, 32)) == 1
    assert len(texts("word " * 33, 32)) == 2


def test_dropped_and_blank_messages_give_nothing() -> None:
    dropped = cleaned("Said before, word for word.", 0)
    dropped.dropped = "duplicate"
    assert chunk([dropped, cleaned(" \n ", 1)], WordTokenizer(), 64) == []
    assert chunk([], WordTokenizer(), 64) == []


def test_ordinals_run_through_the_conversation_and_parts_through_the_message() -> None:
    chunks = chunk([cleaned(SENTENCE * 8, 0), cleaned("Short.", 1), cleaned(SENTENCE * 8, 2)], WordTokenizer(), 32)
    assert [piece.ordinal for piece in chunks] == list(range(len(chunks)))
    for number in range(3):
        parts = [piece.part for piece in chunks if piece.message_id == f"message-{number}"]
        assert parts == list(range(len(parts)))


def test_the_speaker_and_the_heading_are_part_of_what_is_embedded() -> None:
    content = "# Deploy\n\n" + SENTENCE * 6 + "\n\n## Rollback\n\n" + SENTENCE * 6
    chunks = chunk([cleaned(content, speaker="Ada")], WordTokenizer(), 40)
    assert chunks[0].heading is None
    assert embedded_text(chunks[0]) == "Ada: " + chunks[0].text
    last = chunks[-1]
    assert last.heading == "Deploy > Rollback"
    assert embedded_text(last) == f"Ada: Deploy > Rollback\n{last.text}"
    assert last.sha256 == sha256_hex(embedded_text(last))
    assert chunks[0].id == chunk_id("message-0", chunks[0].sha256, 0)


def test_a_chunk_that_begins_with_a_heading_names_only_those_above() -> None:
    content = "# Deploy\n\n" + SENTENCE * 2 + "\n\n## Rollback\n\n" + SENTENCE * 2
    first = with_text(chunk([cleaned(content)], WordTokenizer(), 40), "## Rollback")
    assert first.text.startswith("## Rollback")
    assert first.heading == "Deploy"


def test_a_heading_is_not_left_alone_at_the_end_of_a_chunk() -> None:
    content = "\n\n".join(f"## Part {number}\n\n{SENTENCE * 3}" for number in range(12))
    for window in (40, 48, 56, 64):
        assert not any(text.splitlines()[-1].startswith("#") for text in texts(content, window))


def test_comments_in_code_are_not_headings_of_chunks() -> None:
    content = "```sh\n# not a heading\n" + "run the next step now\n" * 20 + "```\n\n" + SENTENCE * 5
    assert {piece.heading for piece in chunk([cleaned(content)], WordTokenizer(), 32)} == {None}


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
@pytest.mark.parametrize("before", [1, 2, 3, 4])
def test_a_code_block_that_fits_is_kept_whole(fence: str, before: int) -> None:
    code = f"{fence}python\ndef f(x):\n    return x\n\n\n```nested\n# comment\nend_of_it()\n{fence}"
    if fence == "```":
        code = code.replace("```nested\n", "")
    content = f"{SENTENCE * before}\n\n{code}\n\n{SENTENCE * 4}"
    assert any(code in text for text in texts(content, 48))


def test_a_longer_code_block_is_cut_between_lines_and_keeps_its_indentation() -> None:
    lines = [f"    if value_{number} > {number}:\n        return value_{number}\n" for number in range(40)]
    content = "```python\ndef f():\n" + "\n".join(lines) + "```"
    pieces = texts(content, 48)
    assert len(pieces) > 2
    wanted = {line for line in content.split("\n") if line.strip()}
    assert {line for piece in pieces for line in piece.split("\n") if line.strip()} == wanted


def test_code_is_cut_at_blank_lines_where_there_are_some() -> None:
    functions = [f"def f{number}(a, b):\n    c = a + b\n    return c * {number}" for number in range(12)]
    pieces = texts("```python\n" + "\n\n".join(functions) + "\n```", 48)
    assert all(any(function in piece for piece in pieces) for function in functions)


def test_a_block_that_is_never_closed_is_cut_between_lines() -> None:
    content = "Look:\n\n```\n" + "\n".join(f"line {number} of the log" for number in range(50))
    for piece in texts(content, 32):
        assert all(line in content.split("\n") for line in piece.split("\n"))


def test_a_single_line_of_code_that_is_too_long_is_cut_inside() -> None:
    pieces = texts("```\nx = [" + "1, " * 200 + "]\n```", 32)
    assert len(pieces) > 10


@pytest.mark.parametrize(
    "lines",
    [
        [f"| row {number} | {number} |" for number in range(40)],
        [f"- item {number} of the list" for number in range(40)],
        [f"{number}. item of the list" for number in range(40)],
        [" " * (number % 5 * 2) + f"- deep item {number}" for number in range(40)],
        [f"logged line {number}" for number in range(40)],
    ],
    ids=["table", "list", "numbered", "deep", "lines"],
)
def test_rows_items_and_lines_stay_whole(lines: list[str]) -> None:
    pieces = texts("\n".join(lines), 32)
    assert len(pieces) > 2
    assert [line.strip() for piece in pieces for line in piece.split("\n")] == [line.strip() for line in lines]


def test_the_header_of_a_table_is_not_torn_off() -> None:
    table = "| a | b |\n|---|---|\n" + "\n".join(f"| {number} | {number} |" for number in range(40))
    for before in range(8):
        pieces = texts("word " * before * 4 + "\n\n" + table, 40)
        assert any("| a | b |\n|---|---|" in piece for piece in pieces)


def test_prose_is_cut_between_sentences() -> None:
    for piece in texts(SENTENCE * 40, 32):
        assert piece.startswith("Every")
        assert piece.endswith("here.")


def test_prose_is_cut_between_paragraphs_rather_than_sentences() -> None:
    paragraph = (SENTENCE * 2).strip()
    assert texts("\n\n".join([paragraph] * 8), 32) == [paragraph] * 8


@pytest.mark.parametrize("window", [32, 48, 64, 100])
def test_no_chunk_at_the_end_is_tiny(window: int) -> None:
    for words in range(window + 1, 4 * window):
        last = chunk([cleaned("word " * words)], WordTokenizer(), window)[-1]
        assert last.tokens >= window // 4


def test_one_line_of_json_is_cut_between_its_members() -> None:
    content = "[" + ",".join(f'{{"id":{number},"name":"n{number}"}}' for number in range(60)) + "]"
    pieces = texts(content, 64)
    assert len(pieces) > 4
    assert all(piece.startswith("{") for piece in pieces[1:])


def test_the_indentation_of_a_line_is_no_chunk_of_its_own() -> None:
    content = "    first_(" + "argument" * 20 + ", 1, 2, 3, 4, 5, 6)"
    for name in ("words", "bytes", "pieces"):
        pieces = chunk([cleaned(content)], tokenizer(name), SMALLEST_WINDOW)
        assert "".join(piece.text for piece in pieces).replace(" ", "") == content.replace(" ", "")
        assert all(piece.text.strip() for piece in pieces)


def test_emoji_are_not_cut_apart() -> None:
    family = "👨‍👩‍👧‍👦"
    for name in ("words", "bytes"):
        pieces = chunk([cleaned(family * 100)], tokenizer(name), 32)
        assert len(pieces) > 1
        assert all(piece.text == family * (len(piece.text) // len(family)) for piece in pieces)


def test_equal_chunks_of_a_message_have_ids_of_their_own() -> None:
    chunks = chunk([cleaned("\n\n".join([(SENTENCE * 2).strip()] * 4))], WordTokenizer(), 32)
    assert len({piece.sha256 for piece in chunks}) == 1
    assert len({piece.id for piece in chunks}) == len(chunks) == 4


def test_an_edit_at_the_end_leaves_the_ids_of_earlier_chunks() -> None:
    content = "\n\n".join(f"## Part {number}\n\n{SENTENCE * 3}" for number in range(6))
    before = chunk([cleaned(content)], WordTokenizer(), 40)
    after = chunk([cleaned(content + "\n\nOne more line.")], WordTokenizer(), 40)
    assert [piece.id for piece in after][:4] == [piece.id for piece in before][:4]


def test_tokens_used_add_up_to_those_of_the_message() -> None:
    chunks = chunk([cleaned(SENTENCE * 30, 0, tokens=1_001), cleaned("Hi", 1)], WordTokenizer(), 32)
    assert sum(piece.tokens_used or 0 for piece in chunks) == 1_001
    assert min(piece.tokens_used or 0 for piece in chunks[:-1]) > 0
    assert chunks[-1].tokens_used is None


def test_a_long_name_and_a_long_path_of_headings_leave_room_for_the_text() -> None:
    path = "\n".join(f"{'#' * level} {'long title ' * 12}" for level in range(1, 7))
    chunks = chunk([cleaned(f"{path}\n\n{SENTENCE * 20}", speaker="name " * 60)], WordTokenizer(), 32)
    assert max(piece.tokens for piece in chunks) <= 32
    assert all(piece.speaker and "name" in piece.speaker for piece in chunks)
    assert chunks[-1].heading
    assert chunks[-1].heading.endswith("title")


def test_a_window_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        chunk([cleaned("Hello")], WordTokenizer(), SMALLEST_WINDOW - 1)
