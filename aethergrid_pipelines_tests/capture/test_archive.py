"""Copies of transcripts: what is kept, what is compressed, and what forgetting leaves."""

import os
import time
from pathlib import Path

import pytest
import zstandard

from aethergrid_pipelines.capture import archive as archiving
from aethergrid_pipelines.capture.archive import OLD_SECONDS, Archive


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def keep(archive: Archive, path: Path, *conversations: str) -> bool:
    with archive.locked():
        return archive.keep(path, "claude-code", conversations)


def copies(archive: Archive) -> dict[str, bytes]:
    """What is in the archive, by name."""
    return {
        path.name: path.read_bytes()
        for path in archive.folder.rglob("*")
        if path.is_file() and path.parent != archive.folder
    }


def transcript(tmp_path: Path, content: bytes = b"one\n", name: str = "a.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def no_links(_path: Path, _target: Path) -> None:
    raise OSError("not on this disk")


@pytest.mark.parametrize("links", [True, False], ids=["linked", "copied"])
def test_a_copy_outlives_its_transcript(
    archive: Archive, tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    path = transcript(tmp_path)
    assert keep(archive, path, "c")
    path.write_bytes(b"one\ntwo\n")
    assert keep(archive, path, "c")
    path.unlink()

    assert copies(archive) == {"a.jsonl": b"one\ntwo\n"}
    assert archive.holds(path)


def test_a_copy_costs_no_room_where_the_disk_has_links(archive: Archive, tmp_path: Path) -> None:
    path = transcript(tmp_path)
    keep(archive, path, "c")
    (copy,) = archive.folder.rglob("a.jsonl")

    assert copy.samefile(path)


def test_a_shorter_replacement_leaves_the_longer_copy(archive: Archive, tmp_path: Path) -> None:
    path = transcript(tmp_path, b"a long one\n")
    keep(archive, path, "c")
    transcript(tmp_path, b"short\n", "draft").replace(path)
    keep(archive, path, "c")

    assert copies(archive) == {"a.jsonl": b"short\n", "a.jsonl.1": b"a long one\n"}
    assert archive.erase("c") == 2
    assert copies(archive) == {}


def test_a_longer_replacement_takes_the_place_of_the_copy(archive: Archive, tmp_path: Path) -> None:
    path = transcript(tmp_path, b"short\n")
    keep(archive, path, "c")
    transcript(tmp_path, b"a long one\n", "draft").replace(path)
    keep(archive, path, "c")

    assert copies(archive) == {"a.jsonl": b"a long one\n"}


@pytest.mark.parametrize("name", ["state.vscdb", "export.zip"])
def test_databases_and_archives_are_not_copied(archive: Archive, tmp_path: Path, name: str) -> None:
    assert not keep(archive, transcript(tmp_path, name=name), "c")


def test_only_the_owner_may_look_into_it(archive: Archive, tmp_path: Path) -> None:
    keep(archive, transcript(tmp_path), "c")

    assert archive.folder.stat().st_mode & 0o077 == 0


def test_copies_are_compressed_when_they_are_old_and_their_transcript_is_gone(archive: Archive, tmp_path: Path) -> None:
    old, recent, there = (transcript(tmp_path, name=f"{name}.jsonl") for name in ("old", "recent", "there"))
    long_ago = time.time() - OLD_SECONDS - 60
    for path in (old, there):
        os.utime(path, (long_ago, long_ago))
    for path in (old, recent, there):
        keep(archive, path, path.stem)
    old.unlink()
    recent.unlink()

    assert archive.compress_old() == 1
    assert archive.compress_old() == 0
    found = copies(archive)
    assert set(found) == {"old.jsonl.zst", "recent.jsonl", "there.jsonl"}
    with zstandard.ZstdDecompressor().stream_reader(found["old.jsonl.zst"]) as content:
        assert content.read() == b"one\n"
    assert archive.holds(old)
    assert archive.erase("old") == 1
    assert archive.holding("old") == 0
    assert set(copies(archive)) == {"recent.jsonl", "there.jsonl"}


def test_forgetting_deletes_each_copy_that_holds_the_conversation(archive: Archive, tmp_path: Path) -> None:
    both, other = transcript(tmp_path, name="both.jsonl"), transcript(tmp_path, name="other.jsonl")
    keep(archive, both, "forgotten", "kept")
    keep(archive, other, "kept")

    assert archive.holding("forgotten") == 1
    assert archive.erase("forgotten") == 1
    assert archive.erase("forgotten") == 0
    assert archive.holding("forgotten") == 0
    assert set(copies(archive)) == {"other.jsonl"}
    assert b"forgotten" not in (archive.folder / "index.db").read_bytes()
    assert both.exists()


def test_a_copy_is_never_there_without_being_listed(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_path: Path, target: Path) -> None:
        target.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(archiving, "_link_or_copy", killed)
    with pytest.raises(KeyboardInterrupt):
        keep(archive, transcript(tmp_path), "c")

    assert archive.holding("c") == 1
    archive.erase("c")
    assert copies(archive) == {}


def test_an_archive_that_was_never_written_holds_nothing(archive: Archive, tmp_path: Path) -> None:
    assert archive.holding("c") == 0
    assert archive.erase("c") == 0
    assert not archive.holds(tmp_path / "a.jsonl")
    assert archive.compress_old() == 0
    assert not archive.folder.exists()
