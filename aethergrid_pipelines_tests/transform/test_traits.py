import pytest

from aethergrid_pipelines.transform.traits import traits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("Thanks!", ""),
        ("Have you tried it?", "question"),
        ("Have you tried it? I did.", "first-person event"),
        ("What is this? [a photo of a dog]", "question"),
        ("We have just moved to Oslo last week.", "first-person event time name"),
        ("I've been reading.", "first-person"),
        ("The pods opened 400 connections.", "number"),
        ('She read "The Hobbit" with Jean and Ana.', "title names"),
        ("I like it", "first-person"),
        ("def main(): return 1", "number"),
        ("Das Paket ist da.", "name"),
    ],
)
def test_a_text_is_known_by_its_traits(text: str, expected: str) -> None:
    assert traits(text) == expected


def test_a_long_run_of_words_is_read_in_no_time() -> None:
    assert traits("I have " * 100_000) == "first-person"
    assert traits("I" + " also" * 100_000) == "first-person"
