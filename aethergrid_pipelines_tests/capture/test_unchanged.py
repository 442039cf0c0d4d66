"""What was imported to its end and did not change is not read again, unless the store lost it."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture import unchanged
from aethergrid_pipelines.capture.account import FileAccount, ImportReport
from aethergrid_pipelines.capture.importer import import_paths
from aethergrid_pipelines.capture.reader_version import version_of
from aethergrid_pipelines.capture.redaction import Redaction
from aethergrid_pipelines.flow.accounts import file_accounts, imbalance
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.stores.journal import CatalogJournal
from aethergrid_pipelines_tests.capture.rows import user, write_lines
from aethergrid_pipelines_tests.capture.secret_examples import GITHUB
from aethergrid_pipelines_tests.opened import KINDS, Place, place

HOUR_NS = 3_600 * 1_000_000_000


@dataclass
class Folder:
    """Transcripts of an hour ago, and the place where they are imported."""

    path: Path
    place: Place

    def write(self, name: str, *rows: object, age_ns: int = HOUR_NS) -> Path:
        path = write_lines(self.path / name, rows)
        then = time.time_ns() - age_ns
        os.utime(path, ns=(then, then))
        return path

    def imported(self, **options: Any) -> ImportReport:
        with self.place.open() as stores:
            report = _imported(stores, self.path, **options)
            with stores.catalog.reading() as connection:
                assert [imbalance(file) for file in file_accounts(connection)] == [None] * len(report.files)
        assert report.adds_up()
        return report

    def unread(self, **options: Any) -> list[str]:
        """The names of the files that an import leaves alone."""
        return [Path(file.path).name for file in self.imported(**options).files if file.unchanged]


def _imported(stores: Stores, path: Path, **options: Any) -> ImportReport:
    journal = CatalogJournal(stores.catalog)
    return import_paths([path], store=stores.conversations, space="default", journal=journal, **options)


@pytest.fixture(params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    with place(request.param, tmp_path / "home") as found:
        (tmp_path / "home").mkdir(exist_ok=True)
        made = Folder(tmp_path / "in", found)
        made.write("a.jsonl", user("u1", f"My token is {GITHUB}"), user("u1", "Twice"), b"{broken\n")
        made.write("b.jsonl", user("u2", "Hello", sessionId="other"))
        yield made


def _same_moment(path: Path, before: bytes, after: bytes) -> None:
    """Change bytes of a file so that nothing shows it."""
    status, content = path.stat(), path.read_bytes()
    assert before in content
    assert len(before) == len(after)
    with path.open("r+b") as file:
        file.write(content.replace(before, after))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_what_did_not_change_is_not_read_and_its_account_is_told_again(folder: Folder) -> None:
    first = folder.imported()
    row = user("u9", "x" * 2_000, sessionId="long")
    long = folder.write("c.jsonl", row)
    folder.imported()
    # Behind the first bytes, by which a file is known.
    _same_moment(long, b"x" * 100 + b'"', b"y" * 100 + b'"')
    again = folder.imported()
    assert [file.unchanged for file in first.files] == [False, False]
    assert [file.unchanged for file in again.files] == [True, True, True]
    for before, after in zip(first.files, again.files, strict=False):
        assert after.complete
        assert (after.source, after.size, after.modified_at) == (before.source, before.size, before.modified_at)
        assert after.account.stored == after.account.updated == 0
        assert after.account.merged == before.account.merged + before.account.stored
        for name in ("read", "skipped", "rejected", "redacted", "flagged"):
            assert getattr(after.account, name) == getattr(before.account, name)
    assert again.rejects == first.rejects
    reread = folder.imported(reread=True)
    assert [file.account.updated for file in reread.files] == [0, 0, 1]
    assert folder.unread() == ["a.jsonl", "b.jsonl", "c.jsonl"]


def test_a_file_that_grew_or_was_touched_is_read(folder: Folder) -> None:
    folder.imported()
    folder.write("a.jsonl", user("u1", "Hello"), user("u3", "More"))
    report = folder.imported()
    assert [file.unchanged for file in report.files] == [False, True]
    path = folder.path / "b.jsonl"
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert folder.unread() == ["a.jsonl"]
    assert folder.unread() == ["a.jsonl", "b.jsonl"]


def test_a_file_that_was_replaced_is_read_though_its_size_and_time_are_the_same(folder: Folder) -> None:
    folder.imported()
    path = folder.path / "b.jsonl"
    status = path.stat()
    other = folder.write("other", user("u2", "Howdy", sessionId="other"))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    assert path.stat().st_size == status.st_size
    assert folder.unread() == ["a.jsonl"]


def test_a_file_that_was_just_written_is_looked_at_once_more(folder: Folder) -> None:
    folder.write("b.jsonl", user("u2", "Hello", sessionId="other"), age_ns=-HOUR_NS)
    folder.imported()
    assert folder.unread() == ["a.jsonl"]


def test_a_file_that_changes_while_it_is_read_is_read_again(folder: Folder) -> None:
    path = folder.path / "b.jsonl"

    def touch(file: FileAccount) -> None:
        if file.path == str(path):
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))

    with folder.place.open() as stores:
        report = _imported(stores, folder.path, progress=touch)
    assert report.total.stored
    assert folder.unread() == ["a.jsonl"]


def test_another_source_or_another_treatment_of_secrets_reads_again(folder: Folder) -> None:
    folder.imported()
    assert folder.unread(redaction=Redaction(redacts=False)) == []
    assert folder.imported(redaction=Redaction(redacts=False)).total.flagged.total() == 1
    assert folder.unread(source="claude-code") == []
    assert folder.unread(source="claude-code") == ["a.jsonl", "b.jsonl"]


def test_other_code_reads_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.imported()
    monkeypatch.setattr(unchanged, "readers_version", lambda: "another")
    assert folder.unread() == []


def test_the_version_of_code_is_that_of_every_byte(tmp_path: Path) -> None:
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_bytes(b"a = 1\n")
    other.write_bytes(b"")
    first = version_of([one, other])
    assert version_of([other, one]) == first
    one.write_bytes(b"a = 2\n")
    assert version_of([one, other]) != first


def test_a_store_that_lost_everything_gets_everything_again(folder: Folder) -> None:
    stored = folder.imported().total.stored
    assert folder.unread() == ["a.jsonl", "b.jsonl"]
    _empty(folder)
    again = folder.imported().total
    assert again.stored == stored > 0
    assert folder.unread() == ["a.jsonl", "b.jsonl"]


def test_what_was_forgotten_stays_forgotten(folder: Folder) -> None:
    folder.imported()
    with folder.place.open() as stores:
        (owner,) = [found for found in stores.conversations.states() if found.conversation.native_id == "other"]
        assert stores.conversations.forget(owner.conversation.id)
    assert folder.unread() == ["a.jsonl", "b.jsonl"]
    assert folder.imported(reread=True).total.skipped["forgotten"] == 1
    with folder.place.open() as stores:
        assert list(stores.conversations.states(ids=[owner.conversation.id])) == []


def test_what_is_imported_without_a_journal_is_read_each_time(folder: Folder) -> None:
    folder.imported()
    with folder.place.open() as stores:
        report = import_paths([folder.path], store=stores.conversations, space="default")
    assert [file.unchanged for file in report.files] == [False, False]


def _empty(folder: Folder) -> None:
    settings = folder.place.settings()
    if settings.mongodb_url is None:
        for path in settings.home.glob("conversations.db*"):
            path.unlink()
        return
    import pymongo

    with pymongo.MongoClient[dict[str, object]](str(settings.mongodb_url.get_secret_value())) as client:
        database = client[settings.mongodb_database]
        for name in ("conversations", "messages"):
            database[name].delete_many({})
