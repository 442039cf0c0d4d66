from pathlib import Path

import pytest

from aethergrid_pipelines.capture.paths import expand


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    exports = ("exports/e.zip", "exports/state.vscdb")
    for name in ("b.jsonl", "a.json", "notes.txt", "deep/er/c.jsonl", "deep/.hidden/d.ndjson", "x[1].jsonl", *exports):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["b.jsonl"], ["b.jsonl"]),
        (["notes.txt"], ["notes.txt"]),
        (["b.jsonl", "a.json", "b.jsonl"], ["a.json", "b.jsonl"]),
        (["deep"], ["deep/.hidden/d.ndjson", "deep/er/c.jsonl"]),
        (["exports"], ["exports/e.zip", "exports/state.vscdb"]),
        (["*.json*"], ["a.json", "b.jsonl", "x[1].jsonl"]),
        (["**/*.jsonl"], ["b.jsonl", "deep/er/c.jsonl", "x[1].jsonl"]),
        (["x[1].jsonl"], ["x[1].jsonl"]),
        (
            ["."],
            [
                "a.json",
                "b.jsonl",
                "deep/.hidden/d.ndjson",
                "deep/er/c.jsonl",
                "exports/e.zip",
                "exports/state.vscdb",
                "x[1].jsonl",
            ],
        ),
    ],
)
def test_files_folders_and_globs_give_each_file_once_in_order(
    tree: Path, given: list[str], expected: list[str]
) -> None:
    files, problems = expand([tree / name for name in given])
    assert [str(file.relative_to(tree)) for file in files] == expected
    assert problems == []


@pytest.mark.parametrize("given", ["missing.jsonl", "*.parquet"])
def test_what_is_not_there_is_a_problem_and_no_silence(tree: Path, given: str) -> None:
    assert expand([tree / given, tree / "a.json"]) == ([tree / "a.json"], [(tree / given, "no such file")])


def test_a_home_and_relative_paths_become_absolute(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree))
    monkeypatch.chdir(tree / "deep")
    assert expand(["~/a.json", "../b.jsonl"])[0][0] == tree / "a.json"
    assert all(path.is_absolute() for path in expand(["~/a.json", "../b.jsonl"])[0])
