"""Exports as people download them: a JSON file, or the zip archive that holds it (in one piece or in several)."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from aethergrid_pipelines.capture.cut_archive import cut_members
from aethergrid_pipelines.capture.fields import json_type
from aethergrid_pipelines.capture.json_records import BrokenExport, ByteStream, key_paths, split_records
from aethergrid_pipelines.capture.jsonl import MAX_LINE_BYTES, UnreadableJson, parse_json
from aethergrid_pipelines.capture.protocol import Rejected

HEAD_BYTES = 64 * 1024

_JSON = frozenset({".json", ".jsonl", ".ndjson"})
_ZIP = b"PK\x03\x04"
# ChatGPT and Claude.ai both use this name, at whatever depth; larger accounts of ChatGPT get numbered pieces.
_MEMBER = re.compile(r"(?:^|/)conversations(?:-\d+)?\.json$")
# What the library raises over an archive that is damaged, encrypted, or of a kind that it does not know.
_DAMAGE = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, struct.error, OSError)


@dataclass(frozen=True, slots=True)
class Record:
    """An object of an export: its place from 1 (counted on through the pieces of an archive), and what was mended."""

    number: int
    value: dict[str, Any]
    warning: str | None = None


def export_keys(path: Path, head: bytes, *, having: str = "") -> set[tuple[str, ...]]:
    """The paths of the keys at the beginning of an export (:func:`~.json_records.key_paths`); none where ``path`` is
    no JSON file and no archive with conversations, or a JSON file without the key ``having``."""
    if path.suffix in _JSON:
        # Milliseconds for each file of another source, of which a folder may hold thousands.
        return key_paths(head) if having.encode() in head else set()
    if path.suffix == ".zip" and head.startswith(_ZIP):
        try:
            with zipfile.ZipFile(path) as archive:
                member = next(iter(_members(archive)), None)
                return key_paths(_head_of(archive, member)) if member else set()
        except _DAMAGE:
            return _keys_of_cut(path)
    return set()


def _keys_of_cut(path: Path) -> set[tuple[str, ...]]:
    with path.open("rb") as file:
        try:
            member = next((member for member in cut_members(file) if _MEMBER.search(member.name)), None)
            return key_paths(member.read(HEAD_BYTES)) if member else set()
        except zlib.error:
            return set()


def read_export(path: Path) -> Iterator[Record | Rejected]:
    """Stream the records of a JSON file or of the conversations in an archive. Holds one of at most 64 MiB.

    A piece of an archive that is damaged does not keep those after it from being read, and of an archive that was cut
    the beginning is read. Raises :class:`~.json_records.BrokenExport` at the end of both, and ``OSError``.
    """
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            file.seek(0)
            yield from _records(file)
            return
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE as error:
        yield from _cut_records(path, f"broken or incomplete zip archive: {error}")
        return
    with archive:
        yield from _members_records(archive)


def broken_archive(path: Path) -> str | None:
    """Why a zip archive cannot be opened; ``None`` where it can, or where ``path`` is none. Raises ``OSError``."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            return None
    try:
        zipfile.ZipFile(path).close()
    except _DAMAGE as error:
        return f"broken or incomplete zip archive: {error}"
    return None


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return sorted(
        (member for member in archive.infolist() if _MEMBER.search(member.filename)), key=lambda member: member.filename
    )


def _members_records(archive: zipfile.ZipFile) -> Iterator[Record | Rejected]:
    members = _members(archive)
    if not members:
        raise BrokenExport("no conversations.json in this zip archive")
    number = 0
    broken: list[str] = []
    for member in members:
        try:
            with closing(_opened(archive, member)) as stream:
                for record in _records(stream, after=number):
                    number = record.number if isinstance(record, Record) else record.line or number
                    yield record
        except BrokenExport as error:
            broken.append(f"{member.filename} {error}")
    if broken:
        raise BrokenExport("; ".join(broken))


def _cut_records(path: Path, problem: str) -> Iterator[Record | Rejected]:
    number = 0
    with path.open("rb") as file:
        try:
            for member in cut_members(file):
                if not _MEMBER.search(member.name):
                    continue
                problem = f"{problem}; {member.name}"
                for record in _records(member, after=number):
                    number = record.number if isinstance(record, Record) else record.line or number
                    yield record
                problem = f"{problem} was read"
        except BrokenExport as error:
            problem = f"{problem} {error}"
        except zlib.error as error:
            problem = f"{problem}; {error}"
    raise BrokenExport(problem)


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    if member.flag_bits & 1:
        raise BrokenExport("is encrypted")
    try:
        return archive.open(member)
    except _DAMAGE as error:
        raise BrokenExport(f"cannot be read: {error}") from None


def _records(stream: ByteStream, *, after: int = 0) -> Iterator[Record | Rejected]:
    for piece in split_records(stream, after=after):
        if piece.value is not None:
            yield Record(piece.number, piece.value)
            continue
        if piece.raw is None:
            yield Rejected(piece.number, f"record longer than {MAX_LINE_BYTES // 1024**2} MiB")
            continue
        try:
            value, warning = parse_json(piece.raw)
        except UnreadableJson as error:
            yield Rejected(piece.number, str(error))
            continue
        if isinstance(value, dict):
            yield Record(piece.number, value, warning)
        else:
            yield Rejected(piece.number, f"expected an object, not {json_type(value)}")


def _head_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    head = b""
    with archive.open(member) as stream:
        # In small steps, because a damaged member gives nothing of the step in which the damage shows.
        while len(head) < HEAD_BYTES:
            try:
                part = stream.read(256)
            except (zipfile.BadZipFile, zlib.error, EOFError):
                break
            if not part:
                break
            head += part
    return head
