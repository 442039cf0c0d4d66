import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.export_file import Record, broken_archive, export_keys, read_export
from aethergrid_pipelines.capture.json_records import BrokenExport
from aethergrid_pipelines.capture.protocol import Rejected
from aethergrid_pipelines_tests.capture.exports import Memory, opened_memory, write_json, write_zip

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


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_an_archive_that_was_cut_is_an_error_and_no_silence(memory: Memory, tmp_path: Path, kept: float) -> None:
    path = write_zip(tmp_path / "in/export.zip", {"conversations.json": MANY})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert _read(path) == ([], "broken or incomplete zip archive: File is not a zip file")
    file = memory.account(path)
    assert (file.source, file.unread, file.complete) == (None, None, False)
    assert file.error == "broken or incomplete zip archive: File is not a zip file"


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
