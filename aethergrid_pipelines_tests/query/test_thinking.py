import pytest

from aethergrid_pipelines.query.thinking import without_thoughts


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It leaks [1].", "It leaks [1]."),
        ("<think>It may be [2].\n</think>\n\nIt leaks [1].", "It leaks [1]."),
        ("\n<think></think>It leaks.", "It leaks."),
        ("It uses <think> tags.", "It uses <think> tags."),
        ("<thinking> is a tag.", "<thinking> is a tag."),
        ("<thin", "<thin"),
        ("<think>It may be", ""),
        ("", ""),
    ],
)
def test_thoughts_before_the_answer_are_left_out(text: str, expected: str, size: int) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    assert "".join(without_thoughts(pieces)) == expected
