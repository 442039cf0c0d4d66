"""The records of a large JSON export, one by one, without holding the file: the objects of an array, one object, or
JSON Lines.

Only strings and brackets are looked at here; each record is parsed by itself afterwards, so that one that is damaged
does not end the file. Where the records of an array begin alike (``}, {"title"``) that is mostly not needed: what lies
between two such beginnings is a record if it can be parsed, because no beginning of an object is an object itself.
"""

import re
import sys
import zipfile
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import regex

from aethergrid_pipelines.capture.jsonl import MAX_LINE_BYTES

CHUNK_BYTES = 64 * 1024
LEAP_BYTES = 1024 * 1024
"""Of records up to about this length the end is guessed."""
MISSES = 3
"""So many wrong guesses in a row, and there are no more: what is within the records begins like them."""

_BOM = b"\xef\xbb\xbf"
# A repeated group that must not be tried again loses its place in Python's own before 3.11.5, which is what Debian 12
# has (https://github.com/python/cpython/issues/106052). The other one takes twice as long.
_patterns = re if sys.version_info >= (3, 11, 5) else regex
# Everything up to the next bracket outside of a string, then that bracket; a quote where a string is not complete.
_NEXT = _patterns.compile(rb'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+(["\[\]{}]|\Z)', re.DOTALL)
_KEY_OR_BRACKET = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"\s*+:|"[^"\\]*+(?:\\.[^"\\]*+)*+"|(["\[\]{}])', re.DOTALL)
_BEGINNING = re.compile(rb'\{\s{0,32}+"[^"\\]{1,64}+"')
_COMMA = re.compile(rb"\s{0,32}+,\s{0,32}+")
_STRING_SO_FAR = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


class ByteStream(Protocol):
    """Bytes that are read in order."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        ...


class BrokenExport(OSError):
    """A file that cannot be read (on): truncated, damaged, encrypted. The message says where."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes of a record and its place, from 1. ``raw`` is ``None`` where it is longer than 64 MiB; ``value`` is
    the record, where it was parsed already."""

    number: int
    raw: bytes | None
    value: dict[str, Any] | None = None


def split_records(stream: ByteStream, *, after: int = 0, largest: int = MAX_LINE_BYTES) -> Iterator[Piece]:
    """Stream the records of a JSON text; their numbers go on from ``after``. Holds one record of at most ``largest``
    bytes.

    Raises :class:`BrokenExport` where the text ends too early, after everything before that was given.
    """
    splitter = _Splitter(stream, after, largest)
    yield from splitter.pieces()


class _Splitter:
    def __init__(self, stream: ByteStream, after: int, largest: int) -> None:
        self._stream = stream
        self._number = after
        self._largest = largest
        self._buffer = b""
        self._scanned = 0
        # Where what was not given yet begins: a record, where ``_inside``, or what lies between two of them.
        self._kept = 0
        self._inside = False
        self._too_long = False
        self._depth = 0
        # 1 within an array of records.
        self._base = 0
        self._failure: str | None = None
        # Where a record of an array ends and the next begins, once two of them were seen.
        self._boundary = b""
        self._misses = 0
        self._leap_bytes = min(LEAP_BYTES, largest // 2)
        self._waits = False

    def pieces(self) -> Iterator[Piece]:
        while self._fill():
            yield from self._scan()
            self._trim()
        if self._waits:
            self._misses = MISSES
            yield from self._scan()
        yield from self._end()

    def _fill(self) -> bool:
        # As much again as waits, so that a string of many chunks is looked at a few times and not at each of them.
        wanted = max(CHUNK_BYTES, len(self._buffer) - self._scanned)
        parts = [self._buffer]
        while wanted > 0 and self._failure is None:
            try:
                part = self._stream.read(CHUNK_BYTES)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                self._failure = str(error) or "its data end too early"
                break
            if not part:
                break
            parts.append(part)
            wanted -= len(part)
        self._buffer = b"".join(parts)
        return len(parts) > 1

    def _scan(self) -> Iterator[Piece]:
        self._waits = False
        while (yield from self._brackets()):
            pass

    def _brackets(self) -> Generator[Piece, None, bool]:
        """Go on to the end of the buffer, or to that of a record whose end was guessed. Whether it was that."""
        # Nearly all brackets are within a record and only counted, in local variables: this is where the time goes.
        depth, base, found = self._depth, self._base, None
        for found in _NEXT.finditer(self._buffer, self._scanned):
            mark = found[1]
            if mark == b"{" or mark == b"[":  # noqa: PLR1714
                if depth > base:
                    depth += 1
                    continue
            elif mark == b"}" or mark == b"]":  # noqa: PLR1714
                if depth > base + 1:
                    depth -= 1
                    continue
            else:
                break
            self._depth, at = depth, found.start(1)
            if mark == b"{" and self._boundary and self._misses < MISSES:
                leapt = yield from self._leap(at)
                if leapt or self._waits:
                    return leapt
            yield from (self._opened if mark in {b"{", b"["} else self._closed)(mark, at)
            depth, base = self._depth, self._base
        self._depth = depth
        if found is not None:
            self._scanned = found.start(1)
        return False

    def _leap(self, at: int) -> Generator[Piece, None, bool]:
        """Give the record that begins ``at``, if its end can be guessed: whether it could, or waits for more."""
        end = self._buffer.find(self._boundary, at, at + self._leap_bytes)
        self._waits = end < 0 and len(self._buffer) - self._kept < self._leap_bytes
        if self._waits:
            self._scanned = at
            return False
        self._misses += 1
        raw = self._buffer[at : end + 1]
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return False
        self._misses = 0
        yield from self._between(at)
        self._number += 1
        yield Piece(self._number, raw, value)
        self._kept = self._scanned = end + 1
        return True

    def _opened(self, mark: bytes, at: int) -> Iterator[Piece]:
        if self._depth == self._base:
            if self._base and not self._boundary:
                self._learn(at)
            yield from self._between(at)
            self._inside = not (mark == b"[" and self._base == 0)
            self._kept = at if self._inside else at + 1
            self._base = 1 if not self._inside else self._base
        self._depth += 1

    def _learn(self, at: int) -> None:
        between, beginning = self._buffer[self._kept : at], _BEGINNING.match(self._buffer, at)
        if beginning and _COMMA.fullmatch(between):
            self._boundary = b"}" + between + beginning[0]

    def _closed(self, mark: bytes, at: int) -> Iterator[Piece]:
        if self._depth > self._base:
            self._depth -= 1
            if self._depth == self._base:
                yield self._piece(self._buffer[self._kept : at + 1])
                self._kept, self._inside = at + 1, False
        elif self._base and mark == b"]":
            yield from self._between(at)
            self._depth = self._base = 0
            self._kept = at + 1

    def _between(self, end: int) -> Iterator[Piece]:
        for raw in self._buffer[self._kept : end].split(b","):
            if raw.replace(_BOM, b"").strip():
                yield self._piece(raw)

    def _piece(self, raw: bytes) -> Piece:
        self._number += 1
        too_long, self._too_long = self._too_long or len(raw) > self._largest, False
        return Piece(self._number, None if too_long else raw)

    def _trim(self) -> None:
        if self._inside and len(self._buffer) - self._kept > self._largest:
            self._too_long = True
        if self._too_long:
            self._kept = self._scanned
        rest, self._scanned = self._buffer[self._kept :], self._scanned - self._kept
        self._kept = 0
        if len(rest) > self._largest:
            if not self._too_long:
                raise BrokenExport(f"no JSON record within {self._largest // 1024**2} MiB after record {self._number}")
            # The string that does not end is of no use: go on as if it had just begun, perhaps within an escape.
            found = _STRING_SO_FAR.match(rest)
            rest = b'"\\' if found and found.end() < len(rest) else b'"'
        self._buffer = rest

    def _end(self) -> Iterator[Piece]:
        if self._inside:
            reason = self._failure or "the file is truncated"
            raise BrokenExport(f"ends within record {self._number + 1}: {reason}")
        yield from self._between(len(self._buffer))
        if self._base or self._failure:
            reason = self._failure or "the file is truncated"
            raise BrokenExport(f"ends after record {self._number}: {reason}")


def key_paths(head: bytes, *, depth: int = 3) -> set[tuple[str, ...]]:
    """The keys of the records that begin in ``head``, and those of the objects in them, as paths of at most ``depth``
    keys. One whose value is an array is there a second time, ending in ``[]``; what is in arrays is left out. Works on
    a beginning that was cut anywhere."""
    paths: set[tuple[str, ...]] = set()
    stack: list[str | None] = []
    key: str | None = None
    for found in _KEY_OR_BRACKET.finditer(head.removeprefix(_BOM)):
        mark = found[2]
        if mark == b'"':
            break
        outer = tuple(name for name in stack if name is not None)
        # The record itself is in nothing but the array of records.
        reached = len(outer) < depth and len(stack) - len(outer) <= 2 and not any(name.endswith("[]") for name in outer)
        if found[1] is not None:
            key = found[1].decode("utf-8", "replace")
            if reached:
                paths.add((*outer, key))
        elif mark in {b"{", b"["}:
            if key is not None and mark == b"[":
                key += "[]"
                if reached:
                    paths.add((*outer, key))
            stack.append(key)
            key = None
        elif mark:
            stack[-1:] = []
            key = None
    return paths
