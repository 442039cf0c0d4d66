"""JSON Lines as they are found: byte order marks, CRLF, blank lines, half-written ends, bytes that are no UTF-8.

What the objects mean is for the sources to say.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from aethergrid_pipelines.capture.protocol import Rejected, Skipped

MAX_LINE_BYTES = 64 * 1024 * 1024
READ_BYTES = 256 * 1024
FIRST_LINES = 50
"""A file is told by one of these."""

LONE_SURROGATES = "lone surrogates were replaced by U+FFFD"

_BOM = b"\xef\xbb\xbf"
# Every escape is matched, so that the "\ud800" within "\\ud800" (a backslash and text) is left alone.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


class LineFile(Protocol):
    """Bytes that are read line by line."""

    def readline(self, size: int = -1, /) -> bytes:
        """The next line with its end, at most ``size`` bytes of it; empty at the end of the file."""
        ...


class UnreadableJson(ValueError):
    """Bytes that are not JSON; the message says why and where."""


class Line(NamedTuple):
    """A line that holds a JSON object: its number (from 1), where it starts (bytes), and what had to be mended."""

    number: int
    offset: int
    value: dict[str, Any]
    warning: str | None = None


def parse_json(raw: bytes) -> tuple[Any, str | None]:
    """The value of ``raw`` and a warning where lone surrogates (RFC 8259, section 8.2) were replaced by U+FFFD.

    Raises :class:`UnreadableJson`.
    """
    try:
        return orjson.loads(raw), None
    except orjson.JSONDecodeError as error:
        problem = f"not JSON: {error.msg} (column {error.colno})"
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise UnreadableJson(f"invalid UTF-8 at byte {error.start + 1}") from None
    mended = _ESCAPE.sub(lambda match: b"\\ufffd" if match[1] else match[0], raw)
    try:
        return orjson.loads(mended), LONE_SURROGATES
    except orjson.JSONDecodeError:
        raise UnreadableJson(problem) from None


def any_row(lines: Sequence[bytes], fits: Callable[[Mapping[str, Any]], bool], *, cut: re.Pattern[bytes]) -> bool:
    """Whether one of the first lines is an object that ``fits``, or one that cannot be read in which ``cut`` is found:
    a first line may be longer than what is looked at."""
    for raw in lines[:FIRST_LINES]:
        try:
            row, _ = parse_json(raw)
        except UnreadableJson:
            if cut.search(raw):
                return True
            continue
        if isinstance(row, dict) and fits(row):
            return True
    return False


def read_lines(path: Path) -> Iterator[Line | Skipped | Rejected]:
    """Stream the objects of a JSONL file. Holds one line, of at most 64 MiB; raises ``OSError``."""
    with path.open("rb", buffering=READ_BYTES) as file:
        yield from lines_of(file)


def lines_of(file: LineFile) -> Iterator[Line | Skipped | Rejected]:
    """The objects of an open JSONL file, as :func:`read_lines` gives them."""
    number = offset = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        start, offset = offset, offset + len(raw)
        if len(raw) > MAX_LINE_BYTES:
            while not raw.endswith(b"\n") and (raw := file.readline(1024 * 1024)):
                offset += len(raw)
            yield Rejected(number, f"line longer than {MAX_LINE_BYTES // 1024**2} MiB")
            continue
        yield _read_line(raw, number, start)


def holds_lines(path: Path) -> bool:
    """Whether a file that is called ``.json`` holds JSON Lines: its first line is an object, and more follow. Raises
    ``OSError``."""
    with path.open("rb") as file:
        try:
            value, _ = parse_json(file.readline(MAX_LINE_BYTES + 1).removeprefix(_BOM))
        except UnreadableJson:
            return False
        return isinstance(value, dict) and bool(file.readline(1024).strip())


def read_line_at(path: Path, offset: int) -> dict[str, Any]:
    """The object of a line that :func:`read_lines` gave before, by its offset."""
    with path.open("rb") as file:
        file.seek(offset)
        value, _ = parse_json(file.readline(MAX_LINE_BYTES + 1).removeprefix(_BOM))
    return value if isinstance(value, dict) else {}


def _read_line(raw: bytes, number: int, offset: int) -> Line | Skipped | Rejected:
    text = raw.removeprefix(_BOM) if number == 1 else raw
    if not text.strip():
        return Skipped(number, "blank line")
    try:
        value, warning = parse_json(text)
    except UnreadableJson as error:
        return Rejected(number, str(error) if raw.endswith(b"\n") else "truncated last line")
    if not isinstance(value, dict):
        return Rejected(number, "not a JSON object")
    return Line(number, offset, value, warning)
