import contextlib
import datetime as dt
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture import batch
from aethergrid_pipelines.capture.account import FileAccount, ImportReport, Known
from aethergrid_pipelines.capture.importer import ImportStopped, import_paths
from aethergrid_pipelines.capture.interrupt import deferred_interrupt
from aethergrid_pipelines.capture.protocol import Rejected
from aethergrid_pipelines.records.conversation import Conversation, Message
from aethergrid_pipelines.stores.conversations import MAX_MESSAGE_BYTES, Appended
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore
from aethergrid_pipelines_tests.capture.rows import assistant, text, user, write_lines


@dataclass
class Journal:
    """Keeps what an import tells it, as a catalog would."""

    calls: list[str] = field(default_factory=list)
    rejects: dict[str, list[Rejected]] = field(default_factory=dict)
    files: dict[str, FileAccount] = field(default_factory=dict)
    sealed: dict[tuple[str, str], str] = field(default_factory=dict)

    def begin(self, *, space: str, source: str, path: str) -> None:
        self.calls.append("begin")
        self.rejects[path] = []

    def reject(self, rejects: Sequence[Rejected], *, space: str, source: str, path: str) -> None:
        self.calls.append(f"reject {len(rejects)}")
        self.rejects[path].extend(rejects)

    def finish(self, files: Sequence[FileAccount], *, space: str) -> None:
        self.calls.append("finish")
        self.files.update({file.path: file for file in files})

    def known(self, fingerprint: str, *, space: str, path: str) -> Known | None:
        return None

    def seal(self, fingerprints: Mapping[tuple[str, str], str], receipt: str, *, space: str) -> None:
        self.sealed.update(fingerprints)


class FailingStore(SqliteConversationStore):
    """Goes away after some batches."""

    def __init__(self, path: Path, batches: int) -> None:
        super().__init__(path)
        self._left = batches

    def append(self, batch: Sequence[tuple[Conversation, Sequence[Message]]]) -> list[list[Appended]]:
        if self._left == 0:
            raise StoreUnavailable("the conversation store does not answer")
        self._left -= 1
        return super().append(batch)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteConversationStore]:
    opened = SqliteConversationStore(tmp_path / "conversations.db")
    yield opened
    opened.close()


def said(number: int, **fields: Any) -> dict[str, Any]:
    return {"conversation": "c", "id": number, "role": "user", "timestamp": 1_791_190_800, "content": "x", **fields}


def _import(store: SqliteConversationStore, *paths: str | Path, **options: Any) -> ImportReport:
    report = import_paths(paths, store=store, space="default", **options)
    assert report.adds_up()
    return report


def _stored(store: SqliteConversationStore) -> list[Message]:
    ids = [state.conversation.id for state in store.states()]
    return list(store.messages(ids))


def test_a_folder_is_imported_with_an_account_of_every_line(store: SqliteConversationStore, tmp_path: Path) -> None:
    transcript = [
        user("u1", "Hello"),
        assistant("a1", "msg_1", text("Hi")),
        assistant("a2", "msg_1", text("there.")),
        {"type": "summary", "summary": "Greeting", "leafUuid": "a2"},
        b"{broken\n",
    ]
    write_lines(tmp_path / "in/claude/s.jsonl", transcript)
    write_lines(tmp_path / "in/other.jsonl", [said(1), said(2), said(2), b"\n"])
    report = _import(store, tmp_path / "in")
    claude, other = report.files
    assert claude.account.as_json() == {
        "read": 5,
        "stored": 2,
        "updated": 0,
        "merged": 1,
        "skipped": {"title": 1},
        "rejected": 1,
        "redacted": {},
        "flagged": {},
    }
    assert (other.account.read, other.account.stored, other.account.merged) == (4, 2, 1)
    assert [(Path(path).name, reject.line) for path, reject in report.rejects] == [("s.jsonl", 5)]
    assert claude.complete
    assert sorted(state.conversation.title or "" for state in store.states()) == ["", "Greeting"]
    assert {message.content for message in _stored(store)} == {"Hello", "Hi\n\nthere.", "x"}


def test_importing_again_stores_nothing_and_an_edit_only_itself(store: SqliteConversationStore, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", [said(1), said(2)])
    _import(store, path)
    versions = [state.version for state in store.states()]
    again = _import(store, path).total
    assert (again.read, again.stored, again.merged) == (2, 0, 2)
    assert [state.version for state in store.states()] == versions
    write_lines(path, [said(1), said(2, content="edited"), said(3)])
    edited = _import(store, path).total
    assert (edited.stored, edited.updated, edited.merged) == (2, 1, 1)


def test_a_response_that_is_completed_late_is_whole_in_the_end(store: SqliteConversationStore, tmp_path: Path) -> None:
    between = [user(f"u{number}", "…") for number in range(20)]
    rows = [assistant("a1", "m", text("First.")), *between, assistant("a2", "m", text("Second."))]
    report = _import(store, write_lines(tmp_path / "s.jsonl", rows))
    assert (report.total.read, report.total.stored, report.total.updated) == (22, 22, 1)
    assert "First.\n\nSecond." in {message.content for message in _stored(store)}


@pytest.mark.parametrize("titles", [(None, "T"), ("T", None), ("S", "T")])
def test_the_last_title_that_is_given_is_the_title(
    store: SqliteConversationStore, tmp_path: Path, titles: tuple[str | None, str | None]
) -> None:
    rows = [said(number, title=title) for number, title in enumerate(titles)]
    _import(store, write_lines(tmp_path / "r.jsonl", rows))
    assert next(store.states()).conversation.title == "T"


def test_no_batch_holds_a_message_twice(tmp_path: Path) -> None:
    appended: list[list[str]] = []

    class Watched(SqliteConversationStore):
        def append(self, batch: Sequence[tuple[Conversation, Sequence[Message]]]) -> list[list[Appended]]:
            appended.append([message.id for _, messages in batch for message in messages])
            return super().append(batch)

    between = [user(f"u{number}", "…") for number in range(20)]
    rows = [assistant("a1", "m", text("First.")), *between, assistant("a2", "m", text("Second."))]
    watched = Watched(tmp_path / "watched.db")
    _import(watched, write_lines(tmp_path / "s.jsonl", rows))
    watched.close()
    assert len(appended) == 2
    assert all(len(ids) == len(set(ids)) for ids in appended)


def test_a_message_that_is_too_large_is_rejected_and_the_rest_is_stored(
    store: SqliteConversationStore, tmp_path: Path
) -> None:
    rows = [said(1), said(2, content="x" * (MAX_MESSAGE_BYTES + 1)), said(3)]
    report = _import(store, write_lines(tmp_path / "r.jsonl", rows))
    ((_, reject),) = report.rejects
    assert (reject.line, reject.field, reject.reason) == (2, "content", "a message of more than 16 MB")
    assert (report.total.stored, report.total.rejected) == (2, 1)


def test_what_was_forgotten_is_skipped(store: SqliteConversationStore, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", [said(1), said(2)])
    _import(store, path)
    assert store.forget(next(store.states()).conversation.id)
    assert _import(store, path).total.skipped == {"forgotten": 2}
    assert _stored(store) == []


@pytest.mark.parametrize(
    ("timestamp", "reason"),
    [("2019-12-31T23:59:59Z", "is before 2020-01-01"), ("2999-01-01", "more than a day in the future")],
)
def test_a_message_outside_of_the_partitions_is_rejected(
    store: SqliteConversationStore, tmp_path: Path, timestamp: str, reason: str
) -> None:
    report = _import(store, write_lines(tmp_path / "r.jsonl", [said(1, timestamp=timestamp), said(2)]))
    ((_, reject),) = report.rejects
    assert (reject.line, reject.field) == (1, "timestamp")
    assert reason in reject.reason
    assert report.total.stored == 1


@pytest.mark.parametrize("offset", [dt.timedelta(0), dt.timedelta(hours=23)])
def test_clocks_may_be_ahead_by_less_than_a_day(
    store: SqliteConversationStore, tmp_path: Path, offset: dt.timedelta
) -> None:
    moment = dt.datetime.now(dt.UTC) + offset
    report = _import(store, write_lines(tmp_path / "r.jsonl", [said(1, timestamp=moment.isoformat())]))
    assert report.total.stored == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("questions.jsonl", b'{"question": "who?"}\n', "no source recognises this file"),
        ("empty.jsonl", b"", "empty file"),
        ("wide.jsonl", "\ufeff{}".encode("utf-16-le"), "UTF-16: save it as UTF-8"),
    ],
)
def test_a_file_that_no_source_recognises_is_reported_with_its_reason(
    store: SqliteConversationStore, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    journal = Journal()
    report = _import(store, tmp_path / name, journal=journal)
    assert [(file.unread, file.source) for file in report.files] == [(reason, None)]
    assert journal.calls == []


def test_a_file_that_cannot_be_read_is_an_error_and_the_rest_goes_on(
    store: SqliteConversationStore, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "gone.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    path = write_lines(tmp_path / "b.jsonl", [said(1)])
    report = _import(store, tmp_path / "missing.jsonl", tmp_path, path)
    assert [(Path(file.path).name, file.error) for file in report.errors] == [
        ("missing.jsonl", "no such file"),
        ("a.jsonl", "No such file or directory"),
    ]
    assert report.total.stored == 1


def test_a_source_may_be_named_and_must_be_known(store: SqliteConversationStore, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.txt", [said(1)])
    assert _import(store, path).files[0].unread == "no source recognises this file"
    assert _import(store, path, source="generic").total.stored == 1
    with pytest.raises(ValueError, match="no source is called 'fax'"):
        _import(store, path, source="fax")


@pytest.mark.parametrize("limit", ["messages", "bytes"])
def test_batches_are_bounded(
    store: SqliteConversationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    if limit == "messages":
        monkeypatch.setattr(batch, "MAX_MESSAGES", 10)
    else:
        monkeypatch.setattr(batch, "MAX_BYTES", 10 * 1_000)
    sizes: list[int] = []
    rows = [said(number, content="y" * 200, metadata={"a": ["z" * 300]}) for number in range(35)]
    path = write_lines(tmp_path / "r.jsonl", rows)
    _import(store, path, progress=lambda file: sizes.append(file.account.stored))
    assert sizes == [10, 20, 30, 35]


def test_the_journal_learns_of_every_reject_and_of_each_account(store: SqliteConversationStore, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", [said(0), *([said(1, role="x")] * 1_200)])
    journal = Journal()
    report = _import(store, path, journal=journal)
    assert journal.calls == ["begin", "reject 500", "reject 500", "reject 200", "finish"]
    assert journal.files[str(path)].account.rejected == len(journal.rejects[str(path)]) == 1_200
    assert len(report.rejects) == 100
    write_lines(path, [said(0)])
    _import(store, path, journal=journal)
    assert journal.rejects == {str(path): []}
    assert journal.files[str(path)].modified_at is not None


@pytest.mark.parametrize("batches", [1, 3])
def test_accounts_go_to_the_journal_together_however_the_import_ends(tmp_path: Path, batches: int) -> None:
    for number in range(3):
        write_lines(tmp_path / f"{number}.jsonl", [said(number)])
    store, journal = FailingStore(tmp_path / "conversations.db", batches), Journal()
    with contextlib.suppress(ImportStopped) if batches < 3 else contextlib.nullcontext():
        _import(store, tmp_path, journal=journal)
    store.close()
    assert journal.calls.count("finish") == 1
    assert [Path(path).name for path in journal.files] == ["0.jsonl", "1.jsonl", "2.jsonl"][: batches + 1]
    assert [file.complete for file in journal.files.values()] == [True, *[batches == 3] * min(batches, 2)]


def test_a_store_that_goes_away_leaves_an_account_of_what_was_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_MESSAGES", 10)
    path = write_lines(tmp_path / "r.jsonl", [said(number) for number in range(35)])
    store = FailingStore(tmp_path / "conversations.db", batches=2)
    journal = Journal()
    with pytest.raises(ImportStopped, match="does not answer") as stopped:
        _import(store, path, journal=journal)
    report = stopped.value.report
    assert report.adds_up()
    assert (report.total.read, report.total.stored) == (20, 20)
    assert not report.files[0].complete
    assert journal.files[str(path)].error == "the conversation store does not answer"
    store.close()
    healthy = SqliteConversationStore(tmp_path / "conversations.db")
    again = _import(healthy, path).total
    assert (again.stored, again.merged) == (15, 20)
    healthy.close()


def test_ctrl_c_stores_what_was_read_and_returns_the_account(
    store: SqliteConversationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_MESSAGES", 10)
    write_lines(tmp_path / "in/a.jsonl", [said(number) for number in range(35)])
    write_lines(tmp_path / "in/b.jsonl", [said(99)])
    before = signal.getsignal(signal.SIGINT)
    presses = iter([signal.SIGINT])

    def press(_: FileAccount) -> None:
        for number in presses:
            signal.raise_signal(number)

    report = _import(store, tmp_path / "in", progress=press)
    assert report.interrupted
    assert [Path(file.path).name for file in report.files] == ["a.jsonl"]
    assert not report.files[0].complete
    assert report.total.stored == len(_stored(store)) == 11
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def heeded() -> Iterator[None]:
    """SIGINT does what it does by default, also where a shell's background job ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_a_second_ctrl_c_does_not_wait() -> None:
    with deferred_interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_outside_the_main_thread_an_import_handles_no_signals(store: SqliteConversationStore, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", [said(1)])
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(_import, store, path).result().total.stored == 1
