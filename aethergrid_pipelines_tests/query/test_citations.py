import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethergrid_pipelines.query.citations import Citations


def shown(text: str, count: int, pieces: int = 1) -> tuple[str, list[int]]:
    citations = Citations(count)
    step = -(-len(text) // pieces) or 1
    said = "".join(citations.feed(text[at : at + step]) for at in range(0, len(text), step))
    return said + citations.end(), citations.cited


@pytest.mark.parametrize(
    ("text", "expected", "cited"),
    [
        ("It leaks [1].", "It leaks [1].", [1]),
        ("It leaks [2][1] and [2].", "It leaks [2][1] and [2].", [2, 1]),
        ("It leaks [1, 3].", "It leaks [1][3].", [1, 3]),
        ("It leaks [9].", "It leaks.", []),
        ("It leaks [0].", "It leaks.", []),
        ("It leaks [1, 9].", "It leaks [1].", [1]),
        ("It leaks[ 2 ].", "It leaks[2].", [2]),
        ("Take `x[9]` of [1].", "Take `x[9]` of [1].", [1]),
        ("```python\nx[9] = y[1]\n```\nSo [2].", "```python\nx[9] = y[1]\n```\nSo [2].", [2]),
        ("A lone ` tick\nthen [9] and [1].", "A lone ` tick\nthen and [1].", [1]),
        ("See [docs](x) and [1] and [", "See [docs](x) and [1] and [", [1]),
        ("", "", []),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3, 1_000])
def test_citations_of_what_exists_stay_however_the_answer_is_cut(
    text: str, expected: str, cited: list[int], pieces: int
) -> None:
    assert shown(text, 3, pieces) == (expected, cited)


@given(text=st.text(alphabet="ab 12[],`\n", max_size=60), pieces=st.integers(1, 20))
def test_what_is_shown_does_not_depend_on_the_pieces(text: str, pieces: int) -> None:
    assert shown(text, 1, pieces) == shown(text, 1)


@given(text=st.text(alphabet="abc .\n(]", max_size=60), pieces=st.integers(1, 20))
def test_a_text_without_citations_is_shown_as_it_is(text: str, pieces: int) -> None:
    assert shown(text, 1, pieces) == (text, [])
