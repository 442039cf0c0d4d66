import pytest

from aethergrid_pipelines.query.near_identical import repeats

LONG = "Return the connection in a finally block and raise the size of the pool to thirty because every request " * 3


@pytest.mark.parametrize("other", [LONG, LONG.upper(), LONG.replace(" ", "\n "), LONG + "that times out"])
def test_nearly_the_same_words_are_a_repetition_of_the_first(other: str) -> None:
    assert repeats(["something else", LONG, other]) == {2: 1}


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["the pool holds ten connections", "the pool holds thirty connections"],
        [LONG, "Return the connection in a finally block"],
        ["", "yes"],
        ["yes", "no"],
    ],
)
def test_what_differs_in_what_it_says_is_none(texts: list[str]) -> None:
    assert repeats(texts) == {}


def test_short_texts_repeat_when_they_are_equal() -> None:
    assert repeats(["Thanks!", "Yes.", "thanks!", "THANKS!"]) == {2: 0, 3: 0}
