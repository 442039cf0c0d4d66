"""A secret is in no file of ours, whichever way it came in; and what was said keeps its ids."""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from aethergrid_pipelines.capture.archive import Archive
from aethergrid_pipelines.capture.importer import import_paths
from aethergrid_pipelines.capture.posted import store_posted
from aethergrid_pipelines.capture.redacted_copy import holds_secrets, write_redacted
from aethergrid_pipelines.capture.redaction import Redaction
from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.proxy.exchange import Exchange
from aethergrid_pipelines.proxy.prefixes import Prefixes
from aethergrid_pipelines.proxy.recorder import Recorder
from aethergrid_pipelines.records.conversation import Message
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.journal import CatalogJournal
from aethergrid_pipelines.stores.select import open_catalog
from aethergrid_pipelines_tests.capture.following import Following, said, write
from aethergrid_pipelines_tests.capture.rows import assistant, text, user, write_lines
from aethergrid_pipelines_tests.capture.secret_examples import GITHUB, TOKENS, made, pem
from aethergrid_pipelines_tests.capture.spooling import Gate

PASSWORD = made(20)
NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
RECORD = {
    "conversation": "c",
    "role": "user",
    "content": f"Clone it with {GITHUB}, please",
    "title": f"Clone it with {GITHUB}",
    "metadata": {"tool_calls": [{"input": {"password": PASSWORD}}]},
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def gate(home: Path) -> Iterator[Gate]:
    found = Gate(home / "conversations.db")
    yield found
    found.store.close()


def files_with(folder: Path, *secrets: str) -> list[str]:
    """Every file below a folder in which one of these stands."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets)
    ]


def messages(gate: Gate) -> list[Message]:
    return [message for state in gate.store.states() for message in gate.store.messages([state.conversation.id])]


def imported(gate: Gate, path: Path, **options: Any) -> Any:
    return import_paths([path], store=gate.store, space="default", **options).files[0].account


def transcript(path: Path) -> Path:
    rows = [
        user("u1", f"My key is {TOKENS['anthropic-key']}\n{pem()}"),
        assistant("a1", "msg_1", text("I use it."), {"type": "tool_use", "id": "t", "name": "Bash",
                  "input": {"command": f"export GH_TOKEN={GITHUB}"}}),
    ]  # fmt: skip
    return write_lines(path, rows)


def test_a_transcript_is_stored_without_its_secrets_and_the_account_tells_them(
    gate: Gate, home: Path, tmp_path: Path
) -> None:
    account = imported(gate, transcript(tmp_path / "in.jsonl"))

    assert account.redacted == {"anthropic-key": 1, "private-key": 1, "github-token": 1}
    assert account.flagged == {}
    assert messages(gate)[0].content == "My key is [redacted: anthropic-key]\n[redacted: private-key]"
    assert "export GH_TOKEN=[redacted: github-token]" in json.dumps(messages(gate)[1].metadata)
    gate.store.close()
    assert files_with(home, GITHUB, TOKENS["anthropic-key"], made(64, seed=1)) == []


def test_where_it_is_switched_off_secrets_are_stored_and_told(gate: Gate, tmp_path: Path) -> None:
    account = imported(gate, transcript(tmp_path / "in.jsonl"), redaction=Redaction(redacts=False))

    assert account.flagged == {"anthropic-key": 1, "private-key": 1, "github-token": 1}
    assert account.redacted == {}
    assert TOKENS["anthropic-key"] in messages(gate)[0].content


def test_switching_it_on_replaces_what_an_earlier_import_stored(gate: Gate, tmp_path: Path) -> None:
    path = transcript(tmp_path / "in.jsonl")
    before = imported(gate, path, redaction=Redaction(redacts=False))
    again = imported(gate, path)

    assert (before.stored, again.stored, again.updated) == (2, 2, 2)
    assert imported(gate, path).merged == 2
    assert messages(gate)[0].content.startswith("My key is [redacted")


def test_a_title_may_not_hold_one_either(gate: Gate, tmp_path: Path) -> None:
    imported(gate, write_lines(tmp_path / "in.jsonl", [{**RECORD, "timestamp": "2026-10-05T09:30:00Z"}]))

    [state] = gate.store.states()
    assert state.conversation.title == "Clone it with [redacted: github-token]"


def test_what_is_rejected_is_told_without_them(home: Path, gate: Gate, tmp_path: Path) -> None:
    catalog = open_catalog(Settings(AETHERGRID_HOME=home))
    rows = [{**RECORD, "timestamp": GITHUB}, {**RECORD, "role": GITHUB, "timestamp": "2026-10-05T09:30:00Z"}]
    path = write_lines(tmp_path / "in.jsonl", rows)
    report = import_paths([path], store=gate.store, space="default", journal=CatalogJournal(catalog))
    catalog.close()

    assert report.total.rejected == 2
    assert GITHUB not in json.dumps(report.as_json())
    assert files_with(home, GITHUB) == []


@pytest.mark.parametrize("down", [False, True], ids=["store up", "store down"])
def test_what_is_posted_lies_nowhere_with_its_secrets(home: Path, gate: Gate, down: bool) -> None:
    gate.down = down
    spool = Spool(home / "spool", gate)
    [row] = store_posted([RECORD], spool=spool, space="default", received=NOON)

    assert sorted(row.secrets) == ["assigned-secret", "github-token"]
    assert files_with(home, GITHUB, PASSWORD) == []
    gate.down = False
    spool.close()
    assert files_with(home, GITHUB, PASSWORD) == []
    assert [message.content for message in messages(gate)] == ["Clone it with [redacted: github-token], please"]


def exchange(*turns: str, answer: str) -> Exchange:
    found = Exchange("chat/completions", NOON, status=200, complete=True)
    roles = ("user", "assistant")
    said = [{"role": roles[index % 2], "content": turn} for index, turn in enumerate(turns)]
    found.request.add(json.dumps({"model": "gpt-5", "messages": said}).encode())
    choice = {"index": 0, "message": {"role": "assistant", "content": answer}}
    found.answer.add(json.dumps({"model": "gpt-5", "choices": [choice]}).encode())
    return found


def test_the_proxy_keeps_no_secret_and_still_knows_how_a_conversation_goes_on(home: Path, gate: Gate) -> None:
    spool = Spool(home / "spool", gate)
    recorder = Recorder(spool, Prefixes(home / "proxy.db"), "default")
    first, answer = f"Is {GITHUB} yours?", f"No, {TOKENS['jwt']} is."
    recorder.take(exchange(first, answer=answer))
    recorder.take(exchange(first, answer, "And now?", answer="No."))
    recorder.close()
    spool.close()

    assert [message.content for message in messages(gate)] == [
        "Is [redacted: github-token] yours?",
        "No, [redacted: jwt] is.",
        "And now?",
        "No.",
    ]
    assert len(list(gate.store.states())) == 1
    assert files_with(home, GITHUB, TOKENS["jwt"]) == []


@pytest.mark.parametrize("redacts", [True, False])
def test_ids_are_those_of_what_was_said_by_every_route(home: Path, gate: Gate, tmp_path: Path, redacts: bool) -> None:
    conversation = {"messages": [{"role": "user", "content": f"Use {GITHUB}"}], "timestamp": "2026-10-05T09:30:00Z"}
    imported(gate, write_lines(tmp_path / "in.jsonl", [conversation]), redaction=Redaction(redacts))
    spool = Spool(home / "spool", gate, redaction=Redaction(redacts))
    [row] = store_posted([conversation], spool=spool, space="default", received=NOON)
    spool.close()
    imported(gate, tmp_path / "in.jsonl", redaction=Redaction(not redacts))

    assert row.outcome == "merged"
    assert [message.id for message in messages(gate)] == [row.message_id]


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Following]:
    found = Following(tmp_path)
    yield found
    found.close()


def test_the_archive_keeps_a_copy_without_secrets(following: Following) -> None:
    half = b'{"half": ' + json.dumps(pem()).encode()[:-9]
    path = write(following.folder / "s.jsonl", [*said("one"), user("u2", f"two {GITHUB}"), half])
    following.scan()

    assert files_with(following.archive.folder, GITHUB, made(64, seed=1)) == []
    [copy] = list(following.archive.folder.rglob("s.jsonl"))
    assert copy.read_bytes().startswith(path.read_bytes().splitlines(keepends=True)[0])
    assert b"two [redacted: github-token]" in copy.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o600


def test_the_archive_follows_a_transcript_with_secrets_as_it_grows(following: Following) -> None:
    rows = said("one")
    path = write(following.folder / "s.jsonl", rows)
    following.scan()
    for number in range(3):
        rows += [user(f"u{number}", f"{number} {GITHUB}")]
        write(path, rows, modified=1_760_000_100 + number)
        following.scan()

    copies = list(following.archive.folder.rglob("s.jsonl*"))
    assert [copy.read_bytes().count(b"[redacted: github-token]") for copy in copies] == [3]


def test_a_secret_that_was_written_just_before_a_transcript_was_deleted_does_not_stay(following: Following) -> None:
    path = write(following.folder / "s.jsonl", said("one"))
    following.scan()
    write(path, [*said("one"), user("late", GITHUB)])
    path.unlink()
    assert files_with(following.archive.folder, GITHUB), "a link grows with its transcript"

    assert following.scan() == [("s.jsonl", "gone", 0)]
    assert files_with(following.archive.folder, GITHUB) == []
    [copy] = list(following.archive.folder.rglob("s.jsonl"))
    assert b"one" in copy.read_bytes()


def test_where_it_is_switched_off_copies_are_the_same_bytes(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", Redaction(redacts=False))
    path = transcript(tmp_path / "s.jsonl")
    with archive.locked():
        assert archive.keep(path, "claude-code", ["c"])

    assert [copy.samefile(path) for copy in archive.folder.rglob("s.jsonl")] == [True]
    assert archive.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.zst", ".json"])
def test_a_redacted_copy_says_everything_else(tmp_path: Path, suffix: str) -> None:
    path, copy = tmp_path / f"s{suffix}", tmp_path / f"copy{suffix}"
    rows = [{"text": f"a {GITHUB} b", "n": 1}, {"text": "ünï", "n": 2}]
    plain = json.dumps(rows, indent=1) if suffix == ".json" else "".join(json.dumps(row) + "\n" for row in rows)
    packed = suffix.endswith(".zst")
    path.write_bytes(zstandard.ZstdCompressor().compress(plain.encode()) if packed else plain.encode())
    assert holds_secrets(path)
    write_redacted(path, copy)

    raw = zstandard.ZstdDecompressor().stream_reader(copy.read_bytes()).read() if packed else copy.read_bytes()
    found = json.loads(raw) if suffix == ".json" else [json.loads(line) for line in raw.splitlines()]
    assert found == [{"text": "a [redacted: github-token] b", "n": 1}, {"text": "ünï", "n": 2}]
    assert not holds_secrets(copy)


def test_a_redacted_copy_can_be_imported_as_the_transcript_was(gate: Gate, tmp_path: Path) -> None:
    path = transcript(tmp_path / "s.jsonl")
    imported(gate, path)
    shutil.copy(path, tmp_path / "original")
    write_redacted(tmp_path / "original", tmp_path / "copy")
    shutil.move(tmp_path / "copy", path)
    again = imported(gate, path)

    assert (again.stored, again.merged) == (0, 2)
