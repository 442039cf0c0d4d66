"""What holds for the files of every source that is read twice: each record is accounted for, and stored once."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture.importer import import_paths
from aethergrid_pipelines.capture.registry import sources
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore
from aethergrid_pipelines_tests.capture.fixture_files import FIXTURES, files_of, lines_told, read
from aethergrid_pipelines_tests.capture.rows import captured, write_lines

TRANSCRIPTS = ["codex", "gemini-cli", "otel"]


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_every_record_is_accounted_for_and_a_second_import_stores_nothing(name: str, tmp_path: Path) -> None:
    store = SqliteConversationStore(tmp_path / "conversations.db")
    first = import_paths([FIXTURES / name], store=store, space="default")
    versions = [state.version for state in store.states()]
    again = import_paths([FIXTURES / name], store=store, space="default")
    assert [state.version for state in store.states()] == versions
    store.close()
    assert first.adds_up()
    assert first.total.stored > 0
    assert first.total.updated == 0
    assert [(file.account.read, file.complete) for file in first.files] == [
        (lines_told(read(sources()[name], Path(file.path))).total(), True) for file in first.files
    ]
    assert again.adds_up()
    assert (again.total.read, again.total.stored) == (first.total.read, 0)
    assert again.total.merged == first.total.stored + first.total.merged


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_wherever_a_file_ends_every_line_that_is_there_is_told(name: str, tmp_path: Path) -> None:
    for path in files_of(name):
        whole = path.read_bytes()
        cut = tmp_path / path.name
        for end in range(1, len(whole), 997):
            cut.write_bytes(whole[:end])
            lines = len(whole[:end].splitlines()) if path.suffix == ".jsonl" else 0
            assert lines_told(read(sources()[name], cut)).keys() >= set(range(1, lines + 1))


WRONG: tuple[object, ...] = (None, True, -5, 1e300, "x\x1fy", [], {}, [None], [[1]], {"type": None}, {"text": 5})


def _places(value: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if way:
        yield way
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from _places(inner, (*way, key))


def _spoiled(row: object, turn: int) -> Iterator[object]:
    """The row with one value after the other replaced by what should not be there."""
    for number, way in enumerate(_places(row)):
        copy: Any = deepcopy(row)
        at = copy
        for key in way[:-1]:
            at = at[key]
        at[way[-1]] = WRONG[(number + turn) % len(WRONG)]
        yield copy


@pytest.mark.parametrize("name", TRANSCRIPTS)
@pytest.mark.parametrize("turn", range(len(WRONG)))
def test_a_value_of_a_wrong_kind_costs_no_more_than_its_record(name: str, turn: int, tmp_path: Path) -> None:
    path = next(path for path in files_of(name) if path.suffix == ".jsonl")
    lines = [line for line in path.read_bytes().splitlines() if line.startswith(b"{") and line.endswith(b"}")]
    rows = [json.loads(line) for line in lines]
    wrong = [spoiled for row in rows for spoiled in _spoiled(row, turn)]
    outcomes = read(sources()[name], write_lines(tmp_path / path.name, [*wrong, *rows]))
    assert lines_told(outcomes).keys() == set(range(1, len(wrong) + len(rows) + 1))


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_a_file_that_changes_while_it_is_read_is_read_to_its_end(name: str, tmp_path: Path) -> None:
    path = next(path for path in files_of(name) if path.suffix == ".jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    changing = write_lines(tmp_path / path.name, lines[: len(lines) // 2])
    outcomes = sources()[name].read(changing, space="default")
    write_lines(changing, reversed(lines))
    assert lines_told(list(outcomes)).keys() == set(range(1, len(lines) // 2 + 1))


@pytest.mark.parametrize("path", [*files_of("codex"), *files_of("gemini-cli")], ids=lambda path: path.name)
def test_a_session_that_is_read_at_every_line_ends_as_if_it_was_read_once(path: Path, tmp_path: Path) -> None:
    source = sources()[path.relative_to(FIXTURES).parts[0]]
    lines = path.read_bytes().splitlines(keepends=True) if path.suffix == ".jsonl" else [path.read_bytes()]
    growing, stored = tmp_path / path.name, dict[str, str]()
    for count in range(1, len(lines) + 1):
        found = captured(read(source, write_lines(growing, lines[:count])))
        stored.update({outcome.message.id: outcome.message.digest for outcome in found})
    assert stored == {outcome.message.id: outcome.message.digest for outcome in found}
