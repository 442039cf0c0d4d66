import json
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from aethergrid_pipelines.capture import registry
from aethergrid_pipelines.capture.generic import Generic
from aethergrid_pipelines.capture.registry import HEAD_BYTES, detect, source_named, sources
from aethergrid_pipelines_tests.capture.rows import assistant, text, user, write_lines

TITLE = {"type": "summary", "summary": "Earlier work", "leafUuid": "u0"}
SNAPSHOT = {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}}
LONG = "word " * HEAD_BYTES
MESSAGE = {"conversation": "c", "role": "user", "content": "x", "timestamp": 1_791_190_800}
LIST = {"id": "c", "messages": [{"role": "user", "content": "x"}]}


class Zulip(Generic):
    """A source as another package might bring it."""

    name = "zulip"


def test_the_installed_sources_have_their_own_names_and_the_broadest_is_asked_last() -> None:
    assert {"claude-code", "generic"} <= sources().keys()
    assert list(sources())[-1] == "generic"
    assert all(name == source.name for name, source in sources().items())


def test_a_source_of_another_package_is_asked_before_the_broadest(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [*entry_points(group=registry.GROUP), EntryPoint("zulip", f"{__name__}:Zulip", registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    sources.cache_clear()
    try:
        assert list(sources())[-2:] == ["zulip", "generic"]
    finally:
        sources.cache_clear()


def test_an_unknown_source_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"claude-code, .*generic, or auto"):
        source_named("telegraph")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([user("u1", "hi")], "claude-code"),
        ([TITLE, user("u1", "hi")], "claude-code"),
        ([SNAPSHOT], "claude-code"),
        ([user("u1", LONG)], "claude-code"),
        ([assistant("a1", "m", text(LONG + json.dumps(LIST)))], "claude-code"),
        ([b"{half a line\n", user("u1", "hi")], "claude-code"),
        ([MESSAGE], "generic"),
        ([LIST], "generic"),
        ([b"\n", LIST], "generic"),
        ([{"id": "c", "messages": [{"role": "user", "content": LONG}]}], "generic"),
        ([{**MESSAGE, "content": LONG}], "generic"),
        ([{"question": "who?", "evidence": []}], None),
        ([{"sessionId": "s", "projectHash": "h"}, {"id": "1", "type": "user", "content": "x"}], "gemini-cli"),
        ([{"timestamp": "t", "type": "session_meta", "payload": {"id": "s"}}], "codex"),
        ([{"type": "message", "text": "hi"}], None),
        ([b"\x80\x81\x00"], None),
        ([], None),
    ],
)
def test_a_file_is_recognised_by_what_it_holds(tmp_path: Path, rows: list[object], expected: str | None) -> None:
    found = detect(write_lines(tmp_path / "file.jsonl", rows))
    assert (found.name if found else None) == expected


@pytest.mark.parametrize("source", ["claude-code", "generic"])
def test_a_file_of_another_kind_is_not_even_looked_into(source: str) -> None:
    rows = json.dumps(user("u1", "hi")).encode() + b"\n" + json.dumps(LIST).encode()
    assert not source_named(source).recognises(Path("backup.zip"), rows)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_long_json_array_is_recognised_by_its_beginning(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"title": "T", "messages": [{"role": "user", "content": LONG}]}], indent=indent))
    found = detect(path)
    assert found is not None
    assert found.name == "generic"
