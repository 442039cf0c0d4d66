"""Code and prose are told apart, and the marks of a text's form are found."""

import pytest

from aethergrid_pipelines.transform.features import NAMES, of_text, take_apart


@pytest.mark.parametrize(
    "line",
    [
        "def area(r):",
        "    return 3.14 * r ** 2",
        "from pathlib import Path",
        "import os, sys",
        "const x = items.map((i) => i.id);",
        "if (a > b) {",
        "});",
        "SELECT id, name FROM users;",
        "WHERE status = 'open'",
        "@app.get('/items')",
        "#include <stdio.h>",
        "total += price",
        "a, b = split(x)",
        ".card { display: grid; }",
        "$ make test",
        'sha256sum "$file" >> sums.txt',
        "print(value)",
        "</div>",
    ],
)
def test_a_line_of_code_is_code(line: str) -> None:
    assert take_apart(line).code_share == 1


@pytest.mark.parametrize(
    "line",
    [
        "Please import the file and return it to me.",
        "If you have time: call me.",
        "From what I heard, the class was fun!",
        "Let me know when you are with us.",
        "For example, the test failed because of the clock.",
        "Where would you go first, and why?",
        "- Maria: estimate by Friday",
        "I paid 3 = three euros too much?",
        "Update: it works now.",
        "I paid $100 for it, can you believe that?",
        "Select the second option in the menu.",
    ],
)
def test_a_line_of_prose_is_prose(line: str) -> None:
    assert take_apart(line).code_share == 0


def test_fences_inline_code_and_addresses_are_not_prose() -> None:
    parts = take_apart("Use `x.y()` as on https://example.org/a-b:\n```python\nx.y()\n```\nThat is all.")
    assert parts.words == ["use", "as", "on", "that", "is", "all"]
    assert parts.code == "x.y()\n"
    assert parts.fenced


def test_a_fence_that_is_never_closed_reaches_to_the_end() -> None:
    assert take_apart("Look:\n```\nwords that are code here").words == ["look"]


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("Traceback (most recent call last):\nValueError: no", "error"),
        ("- one\n- two\n- three", "list"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "table"),
        ("Dear Ms Lee,\nthank you.\nKind regards", "letter"),
        ("Is it?", "question"),
        ("Great! Wonderful!", "exclamation"),
        ("Can you please translate this?", "asks_writing"),
        ("Hi. I need you to compare both.", "asks_analysis"),
        ("Implement it.", "asks_code"),
        ("Why is that?\nand then explain it", "asks_explanation"),
    ],
)
def test_marks_of_form_are_found(text: str, feature: str) -> None:
    assert dict(zip(NAMES, of_text(text, take_apart(text)), strict=True))[feature] == 1


@pytest.mark.parametrize("text", ["", "?", "a" * 10_000, "!" * 10_000, "- x\n" * 3_000, "(" * 5_000])
def test_features_are_0_to_1(text: str) -> None:
    assert all(0 <= value <= 1 for value in of_text(text, take_apart(text)))
