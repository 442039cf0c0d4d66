"""Complexity is 0…1 and never falls when a text gets more of what it counts."""

import pytest

from aethergrid_pipelines.transform.complexity import WEIGHTS, complexity, measure
from aethergrid_pipelines.transform.features import take_apart


def of(text: str) -> float:
    return complexity(text, take_apart(text))


BASE = "The service reads a file and writes the rows to a table."


@pytest.mark.parametrize(
    ("more", "count"),
    [
        (" The service reads a file.", "length"),
        (" Blue whales sing.", "variety"),
        (" Internationalisation", "long_words"),
        (" unless although must", "conditions"),
        ("\n- one\n- two", "steps"),
        ("\n```\na = b\nc = d\n```", "code_lines"),
        ("\n```\nf(g(h(1)))\n```", "nesting"),
    ],
)
def test_more_of_a_count_is_more_complexity(more: str, count: str) -> None:
    grown = BASE + more
    assert measure(grown, take_apart(grown))[count] > measure(BASE, take_apart(BASE))[count]
    assert of(grown) > of(BASE)


def test_weights_add_up_to_1() -> None:
    assert sum(weight for weight, _ in WEIGHTS.values()) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", "ok", BASE, BASE * 200, "```\n" + "(" * 500 + "\n```", "if unless must " * 999])
def test_complexity_is_0_to_1(text: str) -> None:
    assert 0 <= of(text) <= 1


def test_nothing_is_not_complex() -> None:
    assert of("") == 0
