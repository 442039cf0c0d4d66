"""Code blocks, tables and headings are found where CommonMark has them."""

import pytest

from aethergrid_pipelines.transform.markdown import fences, headings, tables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n```python\nx\n```\nb", ["```python\nx\n```"]),
        ("~~~\n```\n~~~\n", ["~~~\n```\n~~~"]),
        ("````md\n```\nx\n```\n````\nb", ["````md\n```\nx\n```\n````"]),
        ("```\nnever closed\n# x", ["```\nnever closed\n# x"]),
        ("```\na\n``` not closing\n```", ["```\na\n``` not closing\n```"]),
        ("```a\n1\n```\n\n```b\n2\n```", ["```a\n1\n```", "```b\n2\n```"]),
        ("1. item\n   ```\n   x\n   ```\n", ["   ```\n   x\n   ```"]),
        ("> ```\n> x\n> ```\n", ["> ```\n> x\n> ```"]),
        ("- ```sh\n  ls\n  ```", ["- ```sh\n  ls\n  ```"]),
        ("```inline``` code", []),
        ("no `code` block", []),
        ("```", ["```"]),
    ],
)
def test_fences(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in fences(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\nend", ["| a | b |\n|---|:-:|\n| 1 | 2 |"]),
        ("a | b\n-|-\n1 | 2\n3 | 4", ["a | b\n-|-\n1 | 2\n3 | 4"]),
        ("```\n| a |\n|---|\n```", []),
        ("a\n---\nb", []),
        ("|---|---|\n", []),
        ("x || y\nz || w", []),
    ],
)
def test_tables(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in tables(text, fences(text))] == expected


def test_headings_have_levels_titles_and_those_above_them() -> None:
    text = "# Deploy #\n## *Roll* back\n### `Why`\n## Next\nTop\n===\n#hashtag\n####### seven\n    # code\n"
    found = headings(text, fences(text))
    assert [(heading.level, heading.title, heading.above) for heading in found] == [
        (1, "Deploy", ()),
        (2, "Roll* back", ("Deploy",)),
        (3, "Why", ("Deploy", "Roll* back")),
        (2, "Next", ("Deploy",)),
        (1, "Top", ()),
    ]


def test_comments_in_code_are_no_headings() -> None:
    text = "# Real\n```sh\n# comment\n```\n~~~\n## also code\n"
    assert [heading.title for heading in headings(text, fences(text))] == ["Real"]
