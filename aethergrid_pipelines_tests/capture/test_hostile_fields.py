"""Whatever a field of an export holds, reading goes on, and no other conversation notices."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture.protocol import Captured
from aethergrid_pipelines.capture.registry import source_named
from aethergrid_pipelines_tests.capture.exports import fixture, write_database, write_json

VALUES: list[Any] = [None, True, 7, "", "x", "\x1f", [], {}, [1], {"a": 1}, [[]], [{}], {"text": 1}, 10**30]
EXPORTS = {
    "chatgpt": "chatgpt/conversations.json",
    "claude-ai": "claude-ai/conversations.json",
    "open-webui": "open-webui/chats.json",
}


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every field and element of a JSON value is."""
    if above:
        yield above
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*above, key))


def changed(value: Any, place: tuple[Any, ...], new: object) -> Any:
    """A copy that holds something else in one place."""
    whole = copy.deepcopy(value)
    at = whole
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = new
    return whole


def told(source: str, path: Path) -> list[tuple[int | None, str]]:
    """The messages of a file: in which record each is, and what it says."""
    outcomes = source_named(source).read(path, space="default")
    messages = [outcome.message for outcome in outcomes if isinstance(outcome, Captured)]
    return [(message.origin.line, f"{message.native_id} {message.digest}") for message in messages]


@pytest.mark.parametrize("start", [0, 1, 2])
@pytest.mark.parametrize("source", EXPORTS)
def test_a_field_that_holds_anything_costs_at_most_its_own_conversation(
    tmp_path: Path, source: str, start: int
) -> None:
    export = fixture(EXPORTS[source])
    whole = told(source, write_json(tmp_path / "whole.json", export))
    for number, place in enumerate([*places(export)][start::3], start):
        path = write_json(tmp_path / "changed.json", changed(export, place, VALUES[number % len(VALUES)]))
        others = [found for found in told(source, path) if found[0] != place[0] + 1]
        assert others == [found for found in whole if found[0] != place[0] + 1]


@pytest.mark.parametrize("start", [0, 1, 2])
def test_a_field_that_holds_anything_costs_at_most_its_own_conversation_in_a_database(
    tmp_path: Path, start: int
) -> None:
    rows = fixture("cursor/rows.json")
    untouched = {name for _, name in told("cursor", write_database(tmp_path / "whole.vscdb", rows))}
    inner = [place for place in places(rows) if len(place) > 1 and ":cur-a" in place[0]]
    assert len(inner) > 100
    others = {name for name in untouched if name.split()[0] in {"b1", "b2", "f1", "f2"}}
    assert len(others) == 4
    for number, place in enumerate(inner[start::3], start):
        path = tmp_path / f"{number}.vscdb"
        write_database(path, changed(rows, place, VALUES[number % len(VALUES)]))
        assert others <= {name for _, name in told("cursor", path)}
