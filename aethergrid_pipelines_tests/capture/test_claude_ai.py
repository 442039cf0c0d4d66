import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture.claude_ai import ClaudeAi
from aethergrid_pipelines.capture.protocol import Captured, Outcome, Rejected, Skipped
from aethergrid_pipelines.records.conversation import ALTERNATE
from aethergrid_pipelines_tests.capture.exports import (
    FIXTURES,
    Memory,
    fixture,
    opened_memory,
    write_json,
    write_zip,
)

EXPORT = "claude-ai/conversations.json"
NINE = "2026-10-06T09:00:00.000000Z"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with opened_memory(tmp_path) as opened:
        yield opened


def branch(memory: Memory, conversation: str) -> list[str]:
    """The messages of the current branch, in their order."""
    found = memory.messages().items()
    return [name for (of, name), message in found if of == conversation and ALTERNATE not in message.metadata]


def read(tmp_path: Path, *messages: object, **fields: Any) -> list[Outcome]:
    """What becomes of the messages of one conversation, whose ``fields`` are given."""
    conversation = {"uuid": "c", "name": "T", "created_at": NINE, "chat_messages": list(messages), **fields}
    return list(ClaudeAi().read(write_json(tmp_path / "one.json", [conversation]), space="default"))


def said(**fields: Any) -> dict[str, Any]:
    return {"uuid": "m", "sender": "human", "text": "x", "content": [], "created_at": NINE, **fields}


def test_an_export_is_accounted_for_message_by_message(memory: Memory) -> None:
    report = memory.take(FIXTURES / EXPORT)
    total = report.total
    assert (total.read, total.stored, total.merged, total.rejected) == (21, 10, 1, 8)
    assert total.skipped == {"empty message": 1, "conversation without messages": 1}
    assert [(reject.line, reject.field) for _, reject in report.rejects] == [
        (3, "chat_messages[5].uuid"),
        (3, "chat_messages[0].sender"),
        (3, "chat_messages[1].content[0]"),
        (3, "chat_messages[2].created_at"),
        (3, "chat_messages[3]"),
        (5, None),
        (6, "uuid"),
        (7, "chat_messages"),
    ]
    assert report.files[0].complete


def test_a_second_import_stores_nothing(memory: Memory, tmp_path: Path) -> None:
    first = memory.account(FIXTURES / EXPORT).account
    again = memory.account(write_zip(tmp_path / "in/data.zip", {"conversations.json": fixture(EXPORT)})).account
    assert (again.read, again.stored, again.merged) == (first.read, 0, first.stored + first.merged)


def test_blocks_are_what_was_said_and_what_was_done(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    answer = memory.messages()["claude-a", "ca-2"]
    assert answer.content == "Depot 12."
    assert answer.metadata == {
        "thinking": "Only 12 says yes.",
        "tool_calls": [
            {"id": "toolu_1", "name": "artifacts", "input": {"command": "create", "content": "# Depots"}},
        ],
        "tools_used": ["artifacts"],
        "tool_results": [{"content": "OK", "tool_use_id": "toolu_1"}],
    }


def test_what_was_attached_as_text_was_said(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    found = memory.messages()
    question, pasted = found["claude-a", "ca-1"], found["claude-a", "ca-3"]
    assert question.content == "Which depots open on Sunday?\n\ndepots.csv:\n\ndepot,sunday\n12,yes\n13,no"
    assert question.metadata["attachments"] == [
        {"type": "file", "name": "depots.csv", "media_type": "text/csv"},
        {"type": "file", "name": "map.png"},
    ]
    assert pasted.content == "Depot 14 opens on Sundays since May."


def test_a_message_without_blocks_has_its_text(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    assert memory.messages()["claude-a", "ca-5"].content == "Then depots 12 and 14."


def test_of_several_answers_the_last_one_is_the_conversation(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    assert branch(memory, "claude-b") == ["cb-1", "cb-3", "cb-4", "cb-5"]
    assert memory.messages()["claude-b", "cb-2"].metadata == {ALTERNATE: True}
    assert memory.titles()["claude-b"] is None


def test_the_current_message_is_the_one_that_is_named(tmp_path: Path) -> None:
    messages = [
        said(uuid="q", parent_message_uuid="00000000-0000-4000-8000-000000000000"),
        said(uuid="a", sender="assistant", parent_message_uuid="q"),
        said(uuid="b", sender="assistant", parent_message_uuid="q"),
    ]
    outcomes = read(tmp_path, *messages, current_leaf_message_uuid="a")
    found = [outcome.message for outcome in outcomes if isinstance(outcome, Captured)]
    assert [(message.native_id, ALTERNATE in message.metadata) for message in found] == [
        ("q", False),
        ("a", False),
        ("b", True),
    ]


def test_a_message_without_a_time_is_of_the_one_before_it(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    found = memory.messages()
    assert found["claude-b", "cb-4"].timestamp == found["claude-b", "cb-3"].timestamp
    assert found["claude-b", "cb-4"].timestamp_inferred


def test_messages_without_an_id_are_told_by_their_place(tmp_path: Path) -> None:
    outcomes = read(tmp_path, said(uuid=None), said(uuid="", text="y"))
    found = [outcome.message.native_id for outcome in outcomes if isinstance(outcome, Captured)]
    assert found == ["position/0", "position/1"]


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("sender", "robot", "sender"),
        ("sender", ["human"], "sender"),
        ("content", "x", "content"),
        ("content", ["x"], "content[0]"),
        ("content", [{"type": ["text"]}], "content[0].type"),
        ("content", [{"type": "text", "text": 7}], "content[0].text"),
        ("content", [{"type": "thinking", "thinking": []}], "content[0].thinking"),
        ("text", 7, "text"),
        ("attachments", {}, "attachments"),
        ("files", "map.png", "files"),
        ("created_at", "noon", "created_at"),
    ],
)
def test_a_message_of_another_shape_is_rejected_with_its_field(
    tmp_path: Path, field: str, value: object, where: str
) -> None:
    first, second = read(tmp_path, said(**{field: value}), said(uuid="n"))
    assert sorted([type(first), type(second)], key=str) == [Captured, Rejected]
    (rejected,) = (outcome for outcome in (first, second) if isinstance(outcome, Rejected))
    assert (rejected.line, rejected.field) == (1, f"chat_messages[0].{where}")


@pytest.mark.parametrize(("messages", "reason"), [([], "conversation without messages"), (None, None)])
def test_a_conversation_without_messages_is_accounted_for(tmp_path: Path, messages: object, reason: str | None) -> None:
    (outcome,) = read(tmp_path, chat_messages=messages)
    assert outcome == Skipped(1, reason) if reason else isinstance(outcome, Rejected)


def test_of_two_exports_of_one_account_a_conversation_grows_and_is_edited_in_its_place(
    memory: Memory, tmp_path: Path
) -> None:
    new = fixture(EXPORT)[:2]
    old = json.loads(json.dumps(new))
    del old[1]["chat_messages"][2:]
    old[1]["chat_messages"][1]["content"][0]["text"] = "nightly"
    first = memory.account(write_zip(tmp_path / "in/1.zip", {"conversations.json": old})).account
    assert branch(memory, "claude-b") == ["cb-1", "cb-2"]
    second = memory.account(write_zip(tmp_path / "in/2.zip", {"conversations.json": new})).account
    assert (first.stored, second.stored, second.updated) == (6, 4, 1)
    assert branch(memory, "claude-b") == ["cb-1", "cb-3", "cb-4", "cb-5"]
    assert memory.messages()["claude-b", "cb-2"].content == "nightly-match"


def test_a_truncated_file_is_an_error_and_what_was_read_is_kept(memory: Memory, tmp_path: Path) -> None:
    whole = (FIXTURES / EXPORT).read_bytes()
    path = tmp_path / "in/conversations.json"
    path.parent.mkdir()
    path.write_bytes(whole[: whole.index(b'"cb-5"')])
    file = memory.account(path)
    assert (file.error, file.complete) == ("ends within record 2: the file is truncated", False)
    assert set(memory.titles()) == {"claude-a"}
