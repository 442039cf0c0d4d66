"""Each file is recognised by its own source and by no other, whatever it is called.

The files are the fixtures (the folder is the source), the samples, and those that the tests build.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.registry import HEAD_BYTES, detect, sources
from aethergrid_pipelines_tests.capture.exports import (
    FIXTURES,
    fixture,
    write_compressed,
    write_database,
    write_json,
    write_zip,
)

SAMPLES = Path(__file__).parents[2] / "samples"
# The rows of a database; only what is built of them is a file of Cursor's.
NO_FILES = {FIXTURES / "cursor/rows.json"}
FILES = [
    *((path.relative_to(FIXTURES).parts[0], path) for path in sorted(FIXTURES.rglob("*")) if path.is_file()),
    *(("claude-code", path) for path in sorted((SAMPLES / "claude-code").rglob("*.jsonl"))),
    *(("generic", path) for path in sorted((SAMPLES / "generic").rglob("*.jsonl"))),
]
BUILT: dict[str, Callable[[Path], Path]] = {
    "chatgpt": lambda folder: write_zip(
        folder / "data.zip", {"user.json": {}, "conversations-000.json": fixture("chatgpt/conversations.json")}
    ),
    "claude-ai": lambda folder: write_zip(
        folder / "data.zip", {"users.json": [], "conversations.json": fixture("claude-ai/conversations.json")}
    ),
    "codex": lambda folder: write_compressed(folder, next((FIXTURES / "codex").rglob("*.jsonl"))),
    "cursor": lambda folder: write_database(folder / "state.vscdb", fixture("cursor/rows.json")),
}


def recognising(path: Path) -> set[str]:
    """The sources that take a file for theirs; ``generic`` is asked last and takes much."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return {name for name, source in sources().items() if name != "generic" and source.recognises(path, head)}


def detected(path: Path) -> str | None:
    found = detect(path)
    return found.name if found else None


@pytest.mark.parametrize(("source", "path"), FILES, ids=lambda value: value.name if isinstance(value, Path) else value)
def test_a_file_is_taken_by_its_own_source_alone(source: str, path: Path) -> None:
    if path in NO_FILES:
        assert recognising(path) == set()
        return
    assert recognising(path) == ({source} - {"generic"})
    assert detected(path) == source


@pytest.mark.parametrize("source", BUILT)
def test_a_download_or_database_is_taken_by_its_own_source_alone(tmp_path: Path, source: str) -> None:
    path = BUILT[source](tmp_path)
    assert recognising(path) == {source}
    assert detected(path) == source


@pytest.mark.parametrize(
    "name", ["chatgpt/conversations.json", "claude-ai/conversations.json", "open-webui/chats.json"]
)
@pytest.mark.parametrize("called", ["conversations.json", "chats.json", "backup.jsonl"])
def test_an_export_is_known_by_what_it_holds_and_not_by_its_name(tmp_path: Path, name: str, called: str) -> None:
    path = Path(shutil.copy(FIXTURES / name, tmp_path / called))
    assert detected(path) == Path(name).parent.name


@pytest.mark.parametrize(
    "name", ["chatgpt/conversations.json", "claude-ai/conversations.json", "open-webui/chats.json"]
)
def test_an_export_is_known_by_its_beginning(tmp_path: Path, name: str) -> None:
    conversation = fixture(name)[0]
    conversation["more"] = "word " * HEAD_BYTES
    assert detected(write_json(tmp_path / "long.json", [conversation])) == Path(name).parent.name
    assert detected(write_json(tmp_path / "single.json", conversation)) == Path(name).parent.name


def test_a_conversation_about_an_export_is_none(tmp_path: Path) -> None:
    content = json.dumps([fixture("chatgpt/conversations.json"), fixture("claude-ai/conversations.json")])
    message = {"conversation": "c", "role": "user", "timestamp": 1_791_190_800, "content": content}
    assert detected(write_json(tmp_path / "about.json", [message])) == "generic"
    listed = [{"id": "c", "messages": [{"role": "user", "content": content}], "metadata": {"mapping": {"a": {"b": 1}}}}]
    assert detected(write_json(tmp_path / "listed.json", listed)) == "generic"


def test_the_database_of_another_editor_is_nobodys(tmp_path: Path) -> None:
    path = write_database(tmp_path / "state.vscdb", {}, table="other")
    assert detected(path) is None
