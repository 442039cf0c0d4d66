"""What can still be read of a zip archive whose end is missing, such as a download that broke off.

The table of contents is at the end. Without it, members are found one after the other by the header before each
(APPNOTE.TXT of the zip format, sections 4.3.7 to 4.3.9).
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

CHUNK_BYTES = 64 * 1024

_LOCAL = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_HEADER = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _SIZES_FOLLOW = 1, 8
_STORED, _DEFLATED = 0, 8
_IN_EXTRA = 0xFFFFFFFF


@dataclass(slots=True)
class CutMember:
    """A member of such an archive. ``read`` gives its bytes as far as they go and raises ``zlib.error``."""

    name: str
    file: BinaryIO
    deflated: bool
    left: int | None
    """How many bytes of the file are its own; ``None`` where its own end tells."""
    _inflate: "zlib._Decompress"
    _ready: bytes = b""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while not self._ready and not self._inflate.eof and (raw := self._raw()):
            self._ready = self._inflate.decompress(raw) if self.deflated else raw
        part, self._ready = self._ready[:size], self._ready[size:]
        return part

    def pass_over(self) -> None:
        """Go to where the next header may be."""
        if self.left is not None:
            self.file.seek(self.left, 1)
            return
        while self.read(CHUNK_BYTES):
            pass
        self.file.seek(-len(self._inflate.unused_data), 1)
        # Checksum and two sizes, of four bytes each or of eight in large archives, mostly after a signature.
        start = self.file.tell()
        signed = 4 if self.file.read(4) == _DESCRIPTOR else 0
        for length in (12, 20):
            self.file.seek(start + signed + length)
            if self.file.read(4) == _LOCAL:
                self.file.seek(-4, 1)
                return

    def _raw(self) -> bytes:
        raw = self.file.read(CHUNK_BYTES if self.left is None else min(CHUNK_BYTES, self.left))
        if self.left is not None:
            self.left -= len(raw)
        return raw


def cut_members(file: BinaryIO) -> Iterator[CutMember]:
    """The members from the beginning of ``file`` on, each to be read before the next one is asked for. Ends where
    something stands that cannot be followed. Raises ``zlib.error``."""
    file.seek(0)
    while len(header := file.read(_HEADER.size)) == _HEADER.size:
        signature, _, flags, method, _, _, _, size, _, name_length, extra_length = _HEADER.unpack(header)
        name = file.read(name_length).decode("utf-8", "replace")
        extra = file.read(extra_length)
        follows = bool(flags & _SIZES_FOLLOW)
        if signature != _LOCAL or flags & _ENCRYPTED or method not in {_STORED, _DEFLATED}:
            return
        if follows and method == _STORED:
            return
        left = None if follows else _size_in(extra) if size == _IN_EXTRA else size
        member = CutMember(name, file, method == _DEFLATED, left, zlib.decompressobj(-zlib.MAX_WBITS))
        yield member
        member.pass_over()


def _size_in(extra: bytes) -> int:
    """The compressed size of a large member: the second number of the extra field 1 (section 4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1 and length >= 16:
            return int(struct.unpack_from("<Q", extra, at + 12)[0])
        at += 4 + length
    return 0
