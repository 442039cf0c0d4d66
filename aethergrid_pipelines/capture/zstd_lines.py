"""JSON Lines in Zstandard frames (RFC 8878), as Codex CLI keeps the sessions that it has put away."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from zstandard import ZstdDecompressor, ZstdError

from aethergrid_pipelines.capture.jsonl import Line, lines_of
from aethergrid_pipelines.capture.protocol import Rejected, Skipped

SUFFIX = ".zst"
BUFFER_BYTES = 1024 * 1024


def read_plain_or_compressed_lines(path: Path) -> Iterator[Line | Skipped | Rejected]:
    """Stream the objects of a ``.jsonl`` or a ``.jsonl.zst`` file. Offsets are of the decompressed text.

    Where the compression is broken, the last outcome is a reject that says so. Raises ``OSError``.
    """
    with open_plain(path) as file:
        try:
            yield from lines_of(file)
        except ZstdError as error:
            yield Rejected(None, f"broken compression: {error}")


@contextmanager
def open_plain(path: Path) -> Iterator[IO[bytes]]:
    """A file to read from; of a ``.zst`` file what all of its frames decompress to: a tool that goes on writing adds
    one. Raises ``OSError``; reading raises ``ZstdError`` where the compression is broken."""
    if path.suffix != SUFFIX:
        with path.open("rb") as file:
            yield file
        return
    with path.open("rb") as packed, ZstdDecompressor().stream_reader(packed, read_across_frames=True) as plain:
        yield io.BufferedReader(plain, BUFFER_BYTES)


def plain_head(path: Path, head: bytes) -> bytes:
    """The first bytes of a file as text: of a ``.zst`` file what they decompress to, at most 64 KiB; else ``head``.

    Empty where they cannot be decompressed.
    """
    if path.suffix != SUFFIX:
        return head
    try:
        with ZstdDecompressor().stream_reader(io.BytesIO(head)) as reader:
            return reader.read(64 * 1024)
    except ZstdError:
        return b""
