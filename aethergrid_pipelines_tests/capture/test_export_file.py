import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from aethergrid_pipelines.capture.export_file import Record, broken_archive, export_keys, read_export
from aethergrid_pipelines.capture.json_records import BrokenExport
from aethergrid_pipelines.capture.protocol import Rejected
from aethergrid_pipelines_tests.capture.exports import Memory, fixture, opened_memory, write_json, write_zip

MANY = [{"text": f"{number} " * 2_000, "number": number} for number in range(60)]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with opened_memory(tmp_path) as opened:
        yield opened


def _read(path: Path) -> tuple[list[tuple[int, object]], str | None]:
    """Each record by its number, or why it was rejected; and why there are no more."""
    found: list[tuple[int, object]] = []
    try:
        for record in read_export(path):
            place = record.number if isinstance(record, Record) else record.line or 0
            found.append((place, record.value if isinstance(record, Record) else record.reason))
    except BrokenExport as error:
        return found, str(error)
    return found, None


def _damage(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


def test_the_pieces_of_an_archive_are_read_in_order_and_counted_on(tmp_path: Path) -> None:
    members = {
        "export/conversations-001.json": [{"c": 3}],
        "export/user.json": {"id": "u"},
        "export/conversations-000.json": [{"a": 1}, 2],
        "__MACOSX/export/._conversations-000.json": b"\x00\x05\x16\x07",
        "shared_conversations.json": [{"id": "x"}],
    }
    assert _read(write_zip(tmp_path / "export.zip", members)) == (
        [(1, {"a": 1}), (2, "expected an object, not a number"), (3, {"c": 3})],
        None,
    )


def test_a_bad_record_is_rejected_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(b'[{"a": 1}, {"b": tru}, {"c": "\xff"}, {"d": "\\ud83d"}]')
    records = list(read_export(path))
    assert [record.line for record in records if isinstance(record, Rejected)] == [2, 3]
    assert [record.reason.split(":")[0] for record in records if isinstance(record, Rejected)] == [
        "not JSON",
        "invalid UTF-8 at byte 8",
    ]
    assert [(record.number, record.value) for record in records if isinstance(record, Record)] == [
        (1, {"a": 1}),
        (4, {"d": "\ufffd"}),
    ]


def test_a_piece_with_damage_keeps_neither_its_beginning_nor_the_next_piece_from_being_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "export.zip", {"conversations-000.json": MANY, "conversations-001.json": [{"last": 1}]})
    with zipfile.ZipFile(path) as archive:
        first = archive.infolist()[0]
    _damage(path, first.header_offset + 30 + len(first.filename) + first.compress_size // 2)
    found, problem = _read(path)
    assert found[0] == (1, MANY[0])
    assert 1 < len(found) < len(MANY)
    assert found[-1][1] == {"last": 1}
    assert problem is not None
    assert problem.startswith(f"conversations-000.json ends within record {len(found)}: ")


def test_a_wrong_checksum_is_told(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "export.zip", {"conversations.json": MANY})
    central = path.read_bytes().rindex(b"PK\x01\x02")
    _damage(path, central + 16)
    _damage(path, 14)
    found, problem = _read(path)
    assert found[0] == (1, MANY[0])
    assert "Bad CRC-32" in (problem or "")
    assert ("mapping",) not in export_keys(path, path.read_bytes())


CUT = "broken or incomplete zip archive: File is not a zip file"


def _cut(path: Path, at: int) -> Path:
    path.write_bytes(path.read_bytes()[:at])
    return path


def test_an_archive_that_was_cut_where_nothing_is_known_of_it_is_an_error_and_no_silence(
    memory: Memory, tmp_path: Path
) -> None:
    path = _cut(write_zip(tmp_path / "in/photos.zip", {"a.json": MANY, "b.json": MANY}), 700)
    assert _read(path) == ([], CUT)
    file = memory.account(path)
    assert (file.source, file.unread, file.error, file.complete) == (None, None, CUT, False)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
@pytest.mark.parametrize("streamed", [False, True])
def test_the_beginning_of_an_archive_that_was_cut_is_read(tmp_path: Path, method: int, streamed: bool) -> None:
    path = tmp_path / "export.zip"
    with path.open("wb") as file, zipfile.ZipFile(Unseekable(file) if streamed else file, "w", method) as archive:
        archive.writestr("chat.html", "<html>" * 5_000)
        archive.writestr("conversations-000.json", json.dumps([{"first": 1}]))
        archive.writestr("conversations-001.json", json.dumps(MANY))
        central = archive.start_dir
    whole = path.read_bytes()
    if streamed and method == zipfile.ZIP_STORED:
        # Nothing says where such a member ends.
        assert _read(_cut(path, central)) == ([], CUT)
        return
    assert _read(_cut(path, central)) == (
        [(1, {"first": 1}), *enumerate(MANY, start=2)],
        f"{CUT}; conversations-000.json was read; conversations-001.json was read",
    )
    path.write_bytes(whole)
    found, problem = _read(_cut(path, (whole.index(b"conversations-001") + central) // 2))
    assert found == [(1, {"first": 1}), *enumerate(MANY, start=2)][: len(found)]
    assert 5 < len(found) < len(MANY)
    assert problem == (
        f"{CUT}; conversations-000.json was read; "
        f"conversations-001.json ends within record {len(found) + 1}: the file is truncated"
    )
    assert ("first",) in export_keys(path, whole)


@pytest.mark.parametrize("at", [4, 29, 31, 60, 200, 700])
def test_wherever_an_archive_was_cut_reading_it_ends_with_an_error(tmp_path: Path, at: int) -> None:
    path = _cut(write_zip(tmp_path / "export.zip", {"conversations.json": MANY}), at)
    found, problem = _read(path)
    assert found == list(enumerate(MANY, start=1))[: len(found)]
    assert (problem or "").startswith(CUT)


def test_a_cut_archive_of_chatgpt_gives_its_conversations_and_an_error(memory: Memory, tmp_path: Path) -> None:
    conversations = fixture("chatgpt/conversations.json")
    path = write_zip(tmp_path / "in/export.zip", {"conversations.json": conversations, "chat.html": b"<html>"})
    _cut(path, path.read_bytes().index(b"chat.html"))
    file = memory.account(path)
    assert (file.source, file.complete, file.account.stored) == ("chatgpt", False, 19)
    assert file.error == f"{CUT}; conversations.json was read"


class Unseekable(io.RawIOBase):
    """A file that is written as if to a network: sizes come after the data."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return self._file.write(data)


def test_an_archive_of_other_things_is_left_alone(memory: Memory, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "in/photos.zip", {"a.json": [{"mapping": {"n": {"message": None}}}]})
    file = memory.account(path)
    assert (file.unread, file.error) == ("no source recognises this file", None)
    assert broken_archive(path) is None
    assert _read(path) == ([], "no conversations.json in this zip archive")


def test_an_encrypted_archive_says_so(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "export.zip", {"conversations.json": [{"a": 1}]})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert _read(path) == ([], "conversations.json is encrypted")
    assert export_keys(path, path.read_bytes()) == set()


def test_a_file_that_is_called_zip_and_is_none_is_read_as_what_it_is(tmp_path: Path) -> None:
    path = write_json(tmp_path / "export.zip", [{"a": 1}])
    assert _read(path) == ([(1, {"a": 1})], None)
    assert broken_archive(path) is None
    assert export_keys(path, path.read_bytes()) == set()
