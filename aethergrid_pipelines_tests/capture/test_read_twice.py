from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture.jsonl import Line, read_lines
from aethergrid_pipelines.capture.protocol import Rejected, Skipped
from aethergrid_pipelines.capture.read_twice import ReadTwice
from aethergrid_pipelines_tests.capture.rows import write_lines


def _readings(path: Path, later: bytes) -> tuple[list[dict[str, Any]], list[Any]]:
    """The values of the first reading, and what the second one gives once more was written."""
    twice = ReadTwice(lambda: read_lines(path))
    first = [line.value for line in twice.first()]
    with path.open("ab") as file:
        file.write(later)
    return first, [line.value if isinstance(line, Line) else line for line in twice.second()]


@pytest.mark.parametrize(
    ("written", "later", "first", "second"),
    [
        ([{"a": 1}], b"", [{"a": 1}], [{"a": 1}]),
        ([{"a": 1}], b'{"b": 2}\n', [{"a": 1}], [{"a": 1}]),
        ([{"a": 1}, b'{"b"'], b": 2}\n", [{"a": 1}], [{"a": 1}, Rejected(2, "truncated last line")]),
        ([{"a": 1}, b"\n"], b'{"b": 2}\n', [{"a": 1}], [{"a": 1}, Skipped(2, "blank line")]),
        ([], b'{"a": 1}\n', [], []),
    ],
)
def test_the_second_reading_is_of_what_the_first_one_saw(
    tmp_path: Path, written: list[object], later: bytes, first: list[Any], second: list[Any]
) -> None:
    assert _readings(write_lines(tmp_path / "s.jsonl", written), later) == (first, second)


def test_a_file_that_became_shorter_ends_sooner(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "s.jsonl", [{"a": 1}, {"b": 2}])
    twice = ReadTwice(lambda: read_lines(path))
    assert len(list(twice.first())) == 2
    write_lines(path, [{"c": 3}])
    assert [line.value for line in twice.second() if isinstance(line, Line)] == [{"c": 3}]
