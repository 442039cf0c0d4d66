"""JSON Lines in Zstandard frames (RFC 8878), as Codex CLI keeps the sessions that it has put away."""

import io
from collections.abc import Iterator
from pathlib import Path

from zstandard import ZstdDecompressor, ZstdError

from aethergrid_pipelines.capture.jsonl import Line, lines_of, read_lines
from aethergrid_pipelines.capture.protocol import Rejected, Skipped

SUFFIX = ".zst"


def read_plain_or_compressed_lines(path: Path) -> Iterator[Line | Skipped | Rejected]:
    """Stream the objects of a ``.jsonl`` or a ``.jsonl.zst`` file. Offsets are of the decompressed text.

    Where the compression is broken, the last outcome is a reject that says so. Raises ``OSError``.
    """
    if path.suffix != SUFFIX:
        yield from read_lines(path)
        return
    with path.open("rb") as file, ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader:
        lines = lines_of(io.BufferedReader(reader, 1024 * 1024))
        try:
            yield from lines
        except ZstdError as error:
            yield Rejected(None, f"broken compression: {error}")


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
