import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture.open_webui import OpenWebUi
from aethergrid_pipelines.capture.protocol import Captured, Outcome, Rejected, Skipped
from aethergrid_pipelines.records.conversation import ALTERNATE, Message
from aethergrid_pipelines_tests.capture.exports import FIXTURES, Memory, fixture, opened_memory, write_json

EXPORT = "open-webui/chats.json"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with opened_memory(tmp_path) as opened:
        yield opened


def branch(memory: Memory, conversation: str) -> list[str]:
    """The messages of the current branch, in their order."""
    found = memory.messages().items()
    return [name for (of, name), message in found if of == conversation and ALTERNATE not in message.metadata]


def read_one(tmp_path: Path, message: object) -> Outcome:
    """What becomes of a single message."""
    chat = {"id": "c", "created_at": 1791277200, "chat": {"history": {"messages": {"m": message}, "currentId": "m"}}}
    (outcome,) = OpenWebUi().read(write_json(tmp_path / "one.json", [chat]), space="default")
    return outcome


def said(tmp_path: Path, **fields: Any) -> Message:
    outcome = read_one(tmp_path, {"id": "m", "parentId": None, "role": "assistant", "content": "x", **fields})
    assert isinstance(outcome, Captured)
    return outcome.message


def test_an_export_is_accounted_for_message_by_message(memory: Memory) -> None:
    report = memory.take(FIXTURES / EXPORT)
    total = report.total
    assert (total.read, total.stored, total.merged, total.rejected) == (19, 11, 0, 6)
    assert total.skipped == {"failed answer": 1, "conversation without messages": 1}
    assert [(reject.line, reject.field) for _, reject in report.rejects] == [
        (3, "history.messages[ob-2].role"),
        (3, "history.messages[ob-3].content"),
        (3, "history.messages[ob-4].timestamp"),
        (3, "history.messages[ob-5]"),
        (5, None),
        (7, "chat"),
    ]
    assert report.files[0].complete


def test_a_second_import_stores_nothing(memory: Memory, tmp_path: Path) -> None:
    first = memory.account(FIXTURES / EXPORT).account
    again = memory.account(write_json(tmp_path / "in/again.json", fixture(EXPORT))).account
    assert (again.read, again.stored, again.merged) == (first.read, 0, first.stored)


def test_the_conversation_is_the_way_from_the_current_message_to_the_root(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    assert branch(memory, "chat-a") == ["oa-1", "oa-3", "oa-4"]
    other = memory.messages()["chat-a", "oa-2"]
    assert (other.model, other.metadata) == ("llama3.1:8b", {ALTERNATE: True})
    assert memory.titles()["chat-a"] == "Slow query"


def test_a_chat_from_before_there_were_trees_is_its_list(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    assert branch(memory, "chat-b") == ["position/0", "position/1", "position/2"]
    found = memory.messages()
    assert found["chat-b", "position/1"].model == "llama2:13b"
    assert found["chat-b", "position/1"].metadata == {"tokens": {"input": 8, "output": 3}}
    assert all(message.timestamp_inferred for (of, _), message in found.items() if of == "chat-b")


def test_a_chat_from_before_there_were_ids_has_one(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    assert branch(memory, "message/oe-1") == ["oe-1", "oe-2"]
    assert memory.titles()["message/oe-1"] == "Before chats had ids"


def test_chats_with_no_ids_at_all_stay_apart(memory: Memory, tmp_path: Path) -> None:
    chats = [{"chat": {"messages": [{"role": "user", "content": content}]}} for content in ("a", "b", "a")]
    account = memory.account(write_json(tmp_path / "in/chats.json", chats)).account
    assert (account.stored, account.merged) == (2, 1)
    assert len(memory.titles()) == 2


def test_thinking_and_tool_calls_are_taken_out_of_the_text(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    answer = memory.messages()["chat-a", "oa-3"]
    assert answer.content == "It scans the whole table.\n\n<details>\n<summary>More</summary>\nfolded\n</details>"
    assert answer.metadata == {
        "thinking": 'The index is "missing".\nSo add it.',
        "tool_calls": [{"id": "call_1", "name": "explain", "input": {"query": 7}}],
        "tools_used": ["explain"],
        "tool_results": [{"content": "Seq Scan", "tool_use_id": "call_1"}],
        "tokens": {"input": 31, "output": 120},
    }


def test_the_result_of_a_tool_may_be_the_body(tmp_path: Path) -> None:
    details = (
        '<details type="tool_calls" done="true" id="c" name="rain" arguments="{}">\n<summary>Tool Executed</summary>\n'
        "{&quot;mm&quot;: 3}\n</details>\n"
    )
    message = said(tmp_path, content=f"{details}{details}Take a coat.")
    assert message.content == "Take a coat."
    assert message.metadata["tool_results"] == [{"content": '{"mm":3}', "tool_use_id": "c"}] * 2
    assert message.metadata["tools_used"] == ["rain"]


def test_what_a_person_folds_away_stays(tmp_path: Path) -> None:
    folded = '<details type="reasoning">mine</details>'
    assert said(tmp_path, role="user", content=folded).content == folded


def test_files_are_named_and_their_data_is_not_kept(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    question = memory.messages()["chat-a", "oa-1"]
    assert question.metadata == {"attachments": [{"type": "image"}, {"type": "file", "id": "f1", "name": "plan.txt"}]}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, {"input": 3, "output": 4}),
        ({"prompt_eval_count": 3, "eval_count": 4}, {"input": 3, "output": 4}),
        ({"output_tokens": 4}, {"output": 4}),
        ({"prompt_tokens": "3"}, None),
        (7, None),
    ],
)
def test_tokens_have_several_names(tmp_path: Path, usage: object, tokens: dict[str, int] | None) -> None:
    assert said(tmp_path, usage=usage).metadata.get("tokens") == tokens


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"content": " "}, "empty message"), ({"content": "", "error": {"content": "late"}}, "failed answer")],
)
def test_what_says_nothing_is_skipped_with_its_reason(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    assert read_one(tmp_path, {"role": "assistant", **fields}) == Skipped(1, reason)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("x", ""),
        ({"role": "daemon", "content": "x"}, ".role"),
        ({"role": ["user"], "content": "x"}, ".role"),
        ({"role": "user", "content": {}}, ".content"),
        ({"role": "user", "content": [7]}, ".content[0]"),
        ({"role": "user", "content": "x", "timestamp": "noon"}, ".timestamp"),
    ],
)
def test_a_message_of_another_shape_is_rejected_with_its_field(tmp_path: Path, message: object, field: str) -> None:
    outcome = read_one(tmp_path, message)
    assert isinstance(outcome, Rejected)
    assert (outcome.line, outcome.field) == (1, f"history.messages[m]{field}")


def test_of_two_exports_a_chat_grows_and_is_edited_in_its_place(memory: Memory, tmp_path: Path) -> None:
    new = fixture(EXPORT)[:1]
    old = json.loads(json.dumps(new))
    tree = old[0]["chat"]["history"]
    tree["currentId"] = "oa-2"
    del tree["messages"]["oa-4"], tree["messages"]["oa-5"]
    tree["messages"]["oa-1"]["content"] = "Why is it slow?"
    first = memory.account(write_json(tmp_path / "in/1.json", old)).account
    assert branch(memory, "chat-a") == ["oa-1", "oa-2"]
    second = memory.account(write_json(tmp_path / "in/2.json", new)).account
    assert (first.stored, second.stored, second.updated) == (3, 4, 3)
    assert branch(memory, "chat-a") == ["oa-1", "oa-3", "oa-4"]
    assert memory.messages()["chat-a", "oa-1"].content == "Why is query 7 slow?"


def test_a_truncated_file_is_an_error_and_what_was_read_is_kept(memory: Memory, tmp_path: Path) -> None:
    whole = (FIXTURES / EXPORT).read_bytes()
    path = tmp_path / "in/chats.json"
    path.parent.mkdir()
    path.write_bytes(whole[: whole.index(b'"chat-c"')])
    file = memory.account(path)
    assert (file.error, file.complete) == ("ends within record 3: the file is truncated", False)
    assert set(memory.titles()) == {"chat-a", "chat-b"}
