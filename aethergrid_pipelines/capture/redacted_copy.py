"""Copies of transcripts without the secrets that are in them, also in those records that hold no message."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson

from aethergrid_pipelines.capture.jsonl import MAX_LINE_BYTES, UnreadableJson, holds_lines, parse_json
from aethergrid_pipelines.capture.redaction import redact, redacted_json
from aethergrid_pipelines.capture.secret_finder import find_secrets
from aethergrid_pipelines.capture.zstd_lines import SUFFIX, open_plain


class TooLargeToRedact(ValueError):
    """A document that is not JSON Lines, holds a secret, and is longer than 64 MiB."""


def holds_secrets(path: Path) -> bool:
    """Whether a secret stands anywhere in a text file (``.zst``: compressed). Holds one line; raises ``OSError``."""
    with open_plain(path) as file:
        return any(find_secrets(line.decode("utf-8", "replace")) for line in _lines(file))


def write_redacted(path: Path, target: Path) -> None:
    """Write a copy that its owner alone may read. Every line with a secret is written anew, the others are the same
    bytes. Raises :class:`TooLargeToRedact` and ``OSError``."""
    document = path.suffix == ".json" and not holds_lines(path)
    if document and path.stat().st_size > MAX_LINE_BYTES:
        raise TooLargeToRedact(f"{path}: more than {MAX_LINE_BYTES // 1024**2} MiB, and not a record a line")
    target.touch(mode=0o600)
    with open_plain(path) as source, _writing(target, compressed=path.suffix == SUFFIX) as copy:
        for line in [source.read()] if document else _lines(source):
            copy.write(_redacted(line))
    shutil.copystat(path, target)
    target.chmod(0o600)


def _redacted(raw: bytes) -> bytes:
    kinds: list[str] = []
    try:
        value, _ = parse_json(raw.removeprefix(b"\xef\xbb\xbf"))
    except UnreadableJson:
        text = raw.decode("utf-8", "surrogateescape")
        found = redact(text, kinds)
        return found.encode("utf-8", "surrogateescape") if kinds else raw
    redacted = redacted_json(value, kinds)
    return orjson.dumps(redacted) + (b"\n" if raw.endswith(b"\n") else b"") if kinds else raw


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    # A line that is longer than any record is looked at in pieces, as the text that it is.
    return iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")


@contextlib.contextmanager
def _writing(path: Path, *, compressed: bool) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if compressed:
            import zstandard

            with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as packed:
                yield packed
        else:
            yield file
        file.flush()
        os.fsync(file.fileno())
