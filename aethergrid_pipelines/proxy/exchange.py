"""A request that passed through the proxy, with its answer: copies of the bodies, without headers, which hold keys."""

import datetime as dt
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aethergrid_pipelines.capture.jsonl import UnreadableJson, parse_json

MAX_COPY_BYTES = 32 * 1024 * 1024
"""Of a request or an answer, more is passed on and not captured."""

DONE = "[DONE]"
"""The last of OpenAI's events, which is not JSON."""


class Copy:
    """Bytes as they went by, up to :data:`MAX_COPY_BYTES`."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0
        self.whole = True

    def add(self, part: bytes) -> None:
        """Keep a part, or give up."""
        self.size += len(part)
        if self.size > MAX_COPY_BYTES:
            self.whole = False
            self._parts.clear()
        elif self.whole:
            self._parts.append(part)

    def bytes(self) -> bytes:
        """All of it; empty where it was too much."""
        return b"".join(self._parts)


@dataclass(slots=True)
class Exchange:
    """``interface`` names what is spoken (a key of ``INTERFACES``); ``answered_at`` is when the answer began, and
    ``complete`` whether it came to its end."""

    interface: str
    began: dt.datetime
    request: Copy = field(default_factory=Copy)
    answer: Copy = field(default_factory=Copy)
    status: int = 0
    answered_at: dt.datetime | None = None
    streamed: bool = False
    encoding: str = ""
    complete: bool = False

    def asked(self) -> dict[str, Any] | None:
        """The request as JSON; ``None`` where it is something else."""
        return _object(self.request.bytes())

    def answered(self) -> dict[str, Any] | None:
        """An answer that was not streamed."""
        return _object(_decoded(self.answer.bytes(), self.encoding))

    def events(self) -> Iterator[dict[str, Any]]:
        """The JSON of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), in order.

        OpenAI's ``[DONE]`` is given as an event of that type. Comments, what is no JSON, and a last one that was cut
        off are passed over.
        """
        data: list[bytes] = []
        for line in _decoded(self.answer.bytes(), self.encoding).splitlines(keepends=True):
            said = line.rstrip(b"\r\n")
            if said.startswith(b"data:"):
                data.append(said[5:].removeprefix(b" "))
            elif not said and data:
                raw, data = b"\n".join(data), []
                event = {"type": DONE} if raw == DONE.encode() else _object(raw)
                if event is not None:
                    yield event


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        value, _ = parse_json(raw)
    except UnreadableJson:
        return None
    return value if isinstance(value, dict) else None


def _decoded(raw: bytes, encoding: str) -> bytes:
    """What was compressed, as far as it goes; nothing where the encoding is not known here."""
    if encoding in {"", "identity"}:
        return raw
    try:
        if encoding in {"gzip", "deflate"}:
            # 47: whether it is gzip or zlib is seen from its header.
            return zlib.decompressobj(47).decompress(raw)
        if encoding == "zstd":
            import zstandard

            return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    except (zlib.error, ValueError):
        return b""
    return b""
