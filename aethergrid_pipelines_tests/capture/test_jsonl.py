import json
from pathlib import Path

import pytest

from aethergrid_pipelines.capture import jsonl
from aethergrid_pipelines.capture.jsonl import LONE_SURROGATES, Line, parse_json, read_line_at, read_lines
from aethergrid_pipelines.capture.protocol import Rejected, Skipped


def _read(tmp_path: Path, content: bytes) -> list[Line | Skipped | Rejected]:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(content)
    return list(read_lines(path))


@pytest.mark.parametrize(
    "content",
    [b'{"a": 1}\n{"a": 2}\n', b'\xef\xbb\xbf{"a": 1}\n{"a": 2}', b'{"a": 1}\r\n{"a": 2}\r\n'],
    ids=["plain", "byte order mark and no newline at the end", "CRLF"],
)
def test_objects_are_read_with_their_line_number(tmp_path: Path, content: bytes) -> None:
    lines = _read(tmp_path, content)
    assert [(line.number, line.value) for line in lines if isinstance(line, Line)] == [(1, {"a": 1}), (2, {"a": 2})]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[1]\n", "not a JSON object"),
        (b'"text"\n', "not a JSON object"),
        (b'{"a": \n', "not JSON: "),
        (b'{"a": NaN}\n', "not JSON: "),
        (b"\x00\x00\x00\n", "not JSON: "),
        (b'{"a": "caf\xe9"}\n', "invalid UTF-8 at byte 11"),
        (b'{"a": "half', "truncated last line"),
        (b'{"a": "caf\xc3', "truncated last line"),
        (b"[" * 5_000 + b"\n", "not JSON: "),
    ],
)
def test_what_cannot_be_read_is_rejected_and_the_rest_goes_on(tmp_path: Path, raw: bytes, reason: str) -> None:
    lines = _read(tmp_path, b'{"a": 1}\n' + raw)
    assert isinstance(lines[0], Line)
    assert isinstance(lines[1], Rejected)
    assert lines[1].line == 2
    assert lines[1].reason.startswith(reason)
    assert isinstance(_read(tmp_path, raw.rstrip(b"\n") + b'\n{"a": 1}\n')[1], Line)


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    assert _read(tmp_path, b"\n  \r\n") == [Skipped(1, "blank line"), Skipped(2, "blank line")]


def test_a_line_over_the_limit_is_rejected_and_the_next_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 1024 * 1024)
    long = json.dumps({"a": "x" * 3 * 1024 * 1024}).encode() + b"\n"
    exactly = b'{"a": "' + b"y" * (1024 * 1024 - 10) + b'"}\n'
    lines = _read(tmp_path, long + exactly)
    assert lines[0] == Rejected(1, "line longer than 1 MiB")
    assert isinstance(lines[1], Line)
    assert read_line_at(tmp_path / "lines.jsonl", lines[1].offset) == lines[1].value


@pytest.mark.parametrize(
    ("raw", "value", "warning"),
    [
        (rb'"a\ud83d\ude00b"', "a\U0001f600b", None),
        (rb'"a\ud83db"', "a�b", LONE_SURROGATES),
        (rb'"\ude00\ud83d"', "��", LONE_SURROGATES),
        (rb'"\\ud83d \ud83d"', "\\ud83d �", LONE_SURROGATES),
        (rb'"\\\ud83d"', "\\�", LONE_SURROGATES),
        (rb'"\u0000"', "\x00", None),
    ],
)
def test_lone_surrogates_are_replaced_with_a_warning(raw: bytes, value: str, warning: str | None) -> None:
    assert parse_json(raw) == (value, warning)
