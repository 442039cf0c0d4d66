import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture import cursor_rows
from aethergrid_pipelines.capture.cursor import Cursor
from aethergrid_pipelines.capture.cursor_rows import open_rows
from aethergrid_pipelines.capture.protocol import Captured, Outcome, Rejected, Skipped
from aethergrid_pipelines.records.conversation import ALTERNATE, Message
from aethergrid_pipelines_tests.capture.exports import Memory, fixture, opened_memory, put, write_database

ROWS = "cursor/rows.json"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with opened_memory(tmp_path) as opened:
        yield opened


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return write_database(tmp_path / "User/globalStorage/state.vscdb", fixture(ROWS))


def branch(memory: Memory, conversation: str) -> list[str]:
    """The messages of a conversation as Cursor shows it, in their order."""
    found = memory.messages().items()
    return [name for (of, name), message in found if of == conversation and ALTERNATE not in message.metadata]


def read(tmp_path: Path, rows: dict[str, object]) -> list[Outcome]:
    return list(Cursor().read(write_database(tmp_path / "state.vscdb", rows), space="default"))


def said(tmp_path: Path, **bubble: Any) -> Message:
    """The message that a single bubble becomes."""
    composer = {"fullConversationHeadersOnly": [{"bubbleId": "b"}], "createdAt": 1791363600000}
    (outcome,) = read(tmp_path, {"composerData:c": composer, "bubbleId:c:b": {"type": 2, "text": "x", **bubble}})
    assert isinstance(outcome, Captured)
    return outcome.message


def test_a_database_is_accounted_for_bubble_by_bubble(memory: Memory, database: Path) -> None:
    report = memory.take(database)
    total = report.total
    assert (total.read, total.stored, total.merged, total.rejected) == (18, 9, 0, 3)
    assert total.skipped == {
        "conversation without messages": 2,
        "message without content": 1,
        "empty message": 1,
        "message of an unreadable conversation": 1,
        "message of a deleted conversation": 1,
    }
    assert [(reject.line, reject.field) for _, reject in report.rejects] == [
        (6, "bubbleId:cur-a:bad.type"),
        (7, "bubbleId:cur-a:torn"),
        (14, "composerData:cur-e"),
    ]
    assert report.files[0].complete


def test_a_second_import_stores_nothing_and_a_grown_conversation_grows(memory: Memory, database: Path) -> None:
    first = memory.account(database).account
    again = memory.account(database).account
    assert (again.read, again.stored, again.merged) == (first.read, 0, first.stored)
    composer = fixture(ROWS)["composerData:cur-b"]
    composer["conversation"].append({"bubbleId": "b3", "type": 1, "text": "And Belgian ones?"})
    composer["conversation"][1]["text"] = "Dutch postcodes with a space."
    with closing(sqlite3.connect(database)) as connection:
        put(connection, {"composerData:cur-b": composer})
    grown = memory.account(database).account
    assert (grown.stored, grown.updated) == (2, 1)
    assert branch(memory, "cur-b") == ["b1", "b2", "b3"]


def test_the_order_is_that_of_the_conversation(memory: Memory, database: Path) -> None:
    memory.take(database)
    assert branch(memory, "cur-a") == ["q1", "think", "tool", "a1"]
    assert memory.titles() == {"cur-a": "Retry the upload", "cur-b": None, "cur-f": "Text in text"}


def test_what_was_taken_back_is_kept_apart(memory: Memory, database: Path) -> None:
    memory.take(database)
    assert memory.messages()["cur-a", "undone"].metadata == {ALTERNATE: True}
    composer = fixture(ROWS)["composerData:cur-a"]
    del composer["fullConversationHeadersOnly"][1:]
    with closing(sqlite3.connect(database)) as connection:
        put(connection, {"composerData:cur-a": composer})
    memory.take(database)
    assert branch(memory, "cur-a") == ["q1"]
    assert memory.messages()["cur-a", "think"].metadata[ALTERNATE] is True


def test_older_forms_are_read_too(memory: Memory, database: Path) -> None:
    memory.take(database)
    assert branch(memory, "cur-b") == ["b1", "b2"]
    assert branch(memory, "cur-f") == ["f1", "f2"]
    assert memory.messages()["cur-f", "f2"].content == "Twice encoded."


def test_a_bubble_says_what_was_thought_and_done(memory: Memory, database: Path) -> None:
    memory.take(database)
    found = memory.messages()
    assert found["cur-a", "think"].metadata == {"thinking": "Backoff is needed."}
    assert found["cur-a", "tool"].metadata == {
        "tool_calls": [{"id": "call_7", "name": "read_file", "input": {"target_file": "upload.py"}}],
        "tools_used": ["read_file"],
        "tool_results": [{"tool_use_id": "call_7", "content": '{"contents": "def upload(): ..."}'}],
    }
    assert found["cur-a", "a1"].content == "```python\n@retry(wait=wait_exponential())\n```"
    assert found["cur-a", "a1"].metadata == {"tokens": {"input": 900, "output": 40}}
    assert found["cur-a", "q1"].metadata == {
        "attachments": [{"type": "image"}, {"type": "file", "name": "/home/dev/upload.py"}]
    }


def test_a_bubble_without_a_time_is_of_the_one_before_it(memory: Memory, database: Path) -> None:
    memory.take(database)
    found = memory.messages()
    assert found["cur-a", "a1"].timestamp_inferred
    assert found["cur-a", "a1"].timestamp == found["cur-a", "tool"].timestamp
    assert found["cur-b", "b1"].timestamp.isoformat() == "2026-10-07T09:01:00+00:00"


@pytest.mark.parametrize(
    ("of_bubble", "of_conversation", "model"),
    [("gpt-5", "claude", "gpt-5"), ("default", "claude", "claude"), (None, "default", None), (7, None, None)],
)
def test_the_model_is_the_bubbles_or_that_of_its_conversation(
    tmp_path: Path, of_bubble: object, of_conversation: object, model: str | None
) -> None:
    composer = {"conversation": [{"bubbleId": "b", "type": 2, "text": "x", "modelInfo": {"modelName": of_bubble}}]}
    (outcome,) = read(tmp_path, {"composerData:c": {**composer, "modelConfig": {"modelName": of_conversation}}})
    assert isinstance(outcome, Captured)
    assert outcome.message.model == model


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"name": "run", "params": {"a": 1}}, {"name": "run", "input": {"a": 1}}),
        ({"name": "run", "rawArgs": "{half"}, {"name": "run", "input": "{half"}),
        ({"tool": 5}, None),
        ("run", None),
    ],
)
def test_a_call_of_any_shape_is_kept_as_far_as_it_is_one(tmp_path: Path, data: object, expected: object) -> None:
    found = said(tmp_path, toolFormerData=data).metadata
    assert found.get("tool_calls") == ([expected] if expected else None)


def test_a_failed_call_says_so(tmp_path: Path) -> None:
    found = said(tmp_path, toolFormerData={"name": "run", "result": {"code": 1}, "status": "error"}).metadata
    assert found["tool_results"] == [{"content": '{"code":1}', "is_error": True}]


@pytest.mark.parametrize(
    ("composer", "field"),
    [
        ([], "composerData:c"),
        ({"fullConversationHeadersOnly": {}}, "composerData:c.fullConversationHeadersOnly"),
        ({"conversation": [{"type": 1}]}, "composerData:c.conversation[0].bubbleId"),
        ({"fullConversationHeadersOnly": ["x"]}, "composerData:c.fullConversationHeadersOnly[0].bubbleId"),
    ],
)
def test_a_conversation_of_another_shape_is_rejected_and_its_bubbles_are_counted(
    tmp_path: Path, composer: object, field: str
) -> None:
    rejected, *others = read(tmp_path, {"composerData:c": composer, "bubbleId:c:b": {"type": 1, "text": "x"}})
    assert isinstance(rejected, Rejected)
    assert rejected.field == field
    assert others == [Skipped(2, "message of an unreadable conversation")]


def test_many_conversations_and_bubbles_are_read_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor_rows, "PAGE", 3)
    rows: dict[str, object] = {f"bubbleId:c{number % 7}:b{number}": {"type": 1, "text": "x"} for number in range(50)}
    rows |= {f"composerData:c{number}": {"createdAt": 1791363600000} for number in range(6)}
    outcomes = read(tmp_path, rows)
    assert sum(isinstance(outcome, Captured) for outcome in outcomes) == 43
    assert sum(isinstance(outcome, Skipped) for outcome in outcomes) == 7


@pytest.mark.parametrize("wal", [False, True])
def test_reading_leaves_no_trace_beside_the_database(tmp_path: Path, memory: Memory, wal: bool) -> None:
    path = write_database(tmp_path / "User/state.vscdb", fixture(ROWS), wal=wal)
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert memory.account(path).account.stored == 9
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [found.name for found in path.parent.iterdir()] == ["state.vscdb"]


def test_what_an_open_editor_has_written_last_is_read(tmp_path: Path, memory: Memory) -> None:
    path = write_database(tmp_path / "User/state.vscdb", fixture(ROWS), wal=True)
    with closing(sqlite3.connect(path)) as editor:
        composer = {"createdAt": 1791363600000, "conversation": [{"bubbleId": "n", "type": 1, "text": "Just now."}]}
        put(editor, {"composerData:new": composer})
        assert memory.account(path).account.stored == 10
        put(editor, {"composerData:newer": composer})
        assert memory.account(path).account.stored == 1


def test_a_database_cannot_be_written_through_its_rows(database: Path) -> None:
    with open_rows(database) as rows, pytest.raises(sqlite3.OperationalError, match="readonly"):
        rows._connection.execute("DELETE FROM cursorDiskKV")


def many_bubbles(path: Path) -> Path:
    """A database with a conversation of three hundred bubbles, each longer than half a page."""
    names = [f"{number:03}" for number in range(300)]
    rows: dict[str, object] = {f"bubbleId:c:{name}": {"type": 1, "text": "word " * 500} for name in names}
    headers = [{"bubbleId": name} for name in names]
    rows["composerData:c"] = {"createdAt": 1791363600000, "fullConversationHeadersOnly": headers}
    return write_database(path, rows)


def test_a_damaged_database_is_an_error_and_what_was_read_is_kept(memory: Memory, tmp_path: Path) -> None:
    path = many_bubbles(tmp_path / "in/state.vscdb")
    content = path.read_bytes()
    # The last bubbles, and nothing of the index.
    at = content.rindex(b"word word") // 4096 * 4096
    path.write_bytes(content[: at - 40 * 4096] + b"\xff" * 20 * 4096 + content[at - 20 * 4096 :])
    file = memory.account(path)
    assert (file.source, file.complete) == ("cursor", False)
    assert file.error is not None
    assert file.error.startswith("the database cannot be read (on): ")
    assert 100 < file.account.stored == len(memory.messages()) < 300


@pytest.mark.parametrize("kept", [100, 5_000, 500_000])
def test_a_database_that_was_cut_is_an_error_and_no_silence(memory: Memory, tmp_path: Path, kept: int) -> None:
    path = many_bubbles(tmp_path / "in/state.vscdb")
    path.write_bytes(path.read_bytes()[:kept])
    file = memory.account(path)
    assert (file.source, file.complete, file.unread) == ("cursor", False, None)
    assert file.error is not None
    assert file.error.startswith("the database cannot be read (on): ")
