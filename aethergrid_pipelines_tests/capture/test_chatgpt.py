import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture.chatgpt import ChatGpt
from aethergrid_pipelines.capture.protocol import Captured, Outcome, Rejected, Skipped
from aethergrid_pipelines.records.conversation import ALTERNATE, Message
from aethergrid_pipelines_tests.capture.exports import (
    FIXTURES,
    Memory,
    fixture,
    opened_memory,
    write_json,
    write_zip,
)

EXPORT = "chatgpt/conversations.json"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with opened_memory(tmp_path) as opened:
        yield opened


def branch(memory: Memory, conversation: str) -> list[str]:
    """The messages of the current branch, in their order."""
    found = memory.messages().items()
    return [name for (of, name), message in found if of == conversation and ALTERNATE not in message.metadata]


def read_one(tmp_path: Path, message: dict[str, Any], **fields: Any) -> Outcome:
    """What becomes of a single message; ``fields`` are those of its conversation."""
    whole = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["x"]}, **message}
    conversation = {"id": "c", "mapping": {"n": {"message": whole, "parent": None}}, "create_time": 1791190800}
    (outcome,) = ChatGpt().read(write_json(tmp_path / "one.json", [{**conversation, **fields}]), space="default")
    return outcome


def said(tmp_path: Path, content: dict[str, Any], **message: Any) -> Message:
    outcome = read_one(tmp_path, {"content": content, **message})
    assert isinstance(outcome, Captured)
    return outcome.message


def test_an_export_is_accounted_for_node_by_node(memory: Memory) -> None:
    report = memory.take(FIXTURES / EXPORT)
    assert report.total.as_json() == {
        **report.total.as_json(),
        "read": 35,
        "stored": 19,
        "merged": 0,
        "skipped": {
            "node without a message": 3,
            "hidden message": 1,
            "custom instructions": 1,
            "reasoning recap": 1,
            "empty message": 1,
            "unknown content type hologram": 1,
            "conversation without messages": 1,
        },
        "rejected": 7,
    }
    nodes = [len(conversation["mapping"]) for conversation in fixture(EXPORT)[:4] if conversation]
    assert sum(nodes) == 14 + 8 + 8
    assert [(reject.line, reject.field) for _, reject in report.rejects] == [
        (3, "mapping.c-bad-role.message.author.role"),
        (3, "mapping.c-bad-parts.message.content.parts"),
        (3, "mapping.c-bad-message.message"),
        (3, "mapping.c-bad-time.message.create_time"),
        (3, "timestamp"),
        (5, None),
        (7, "conversation_id"),
    ]
    (file,) = report.files
    assert (file.complete, file.error, file.mended) == (True, None, 2)


def test_a_second_import_stores_nothing(memory: Memory, tmp_path: Path) -> None:
    first = memory.account(FIXTURES / EXPORT).account
    again = memory.account(write_zip(tmp_path / "in/export.zip", {"conversations.json": fixture(EXPORT)})).account
    assert (again.read, again.stored, again.merged) == (first.read, 0, first.stored)


def test_the_conversation_is_the_way_from_the_current_node_to_the_root(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    assert branch(memory, "conv-a") == [
        "a-q1",
        "a-thoughts",
        "a-code",
        "a-output",
        "a-a1-again",
        "a-q2-edited",
        "a-a2-edited",
    ]
    alternates = {name for (_, name), found in memory.messages().items() if found.metadata.get(ALTERNATE)}
    assert alternates == {"a-a1", "a-q2", "a-a2"}
    assert memory.titles()["conv-a"] == "Parcels without a postcode"


def test_a_conversation_without_times_title_and_current_node_is_whole(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    assert branch(memory, "conv-b") == ["b-q1", "b-a1", "b-voice", "b-page", "b-a2"]
    assert memory.titles()["conv-b"] is None
    found = [message for (of, _), message in memory.messages().items() if of == "conv-b"]
    assert [(message.timestamp.isoformat()[11:19], message.timestamp_inferred) for message in found] == [
        ("09:06:40", True),
        ("09:06:40", True),
        ("09:08:20", False),
        ("09:08:20", True),
        ("09:08:30", False),
    ]


def test_pictures_and_files_are_named_and_not_kept(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    found = memory.messages()
    assert found["conv-b", "b-q1"].content == "What does this label say?"
    assert found["conv-b", "b-q1"].metadata["attachments"] == [
        {"type": "image", "id": "file-4711", "name": "label.png", "media_type": "image/png"},
        {"type": "file", "id": "file-4712", "name": "depots.pdf", "media_type": "application/pdf"},
    ]
    assert found["conv-b", "b-voice"].content == "And which gate is next to it?"


def test_a_loop_in_the_tree_has_an_end(memory: Memory) -> None:
    memory.take(FIXTURES / EXPORT)
    assert sorted(branch(memory, "conv-e")) == ["e-1", "e-2"]


@pytest.mark.parametrize(
    ("content", "expected", "metadata"),
    [
        ({"content_type": "text", "parts": ["a", "", "b"]}, "a\n\nb", {}),
        ({"content_type": "text", "parts": ["a", None]}, "a", {}),
        ({"content_type": "code", "language": "sql", "text": "select 1"}, "```sql\nselect 1\n```", {}),
        ({"content_type": "code", "language": "unknown", "text": "a ``` b"}, "````\na ``` b\n````", {}),
        ({"content_type": "execution_output", "text": "42"}, "42", {}),
        ({"content_type": "thoughts", "thoughts": [{"content": "Hm."}, "So."]}, "", {"thinking": "Hm.\n\nSo."}),
        ({"content_type": "tether_quote", "title": "T", "text": "q"}, "T\n\nq", {}),
        ({"content_type": "tether_browsing_display", "result": "found"}, "found", {}),
        ({"content_type": "system_error", "name": "Timeout", "text": "late"}, "Timeout\n\nlate", {}),
        ({"content_type": "of next year", "parts": ["still text"]}, "still text", {}),
        ({"parts": ["no type"]}, "no type", {}),
        (
            {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}]},
            "",
            {"attachments": [{"type": "image"}]},
        ),
    ],
)
def test_every_content_type_has_its_text(
    tmp_path: Path, content: dict[str, Any], expected: str, metadata: dict[str, Any]
) -> None:
    message = said(tmp_path, content)
    assert (message.content, message.metadata) == (expected, metadata)


@pytest.mark.parametrize(("text", "given"), [('{"q": 1}', {"q": 1}), ("search('x')", "search('x')")])
def test_what_a_model_tells_a_tool_is_a_call(tmp_path: Path, text: str, given: object) -> None:
    content = {"content_type": "code", "language": "json", "text": text}
    message = said(tmp_path, content, author={"role": "assistant"}, recipient="browser")
    assert message.content == ""
    assert message.metadata == {"tool_calls": [{"name": "browser", "input": given}], "tools_used": ["browser"]}


@pytest.mark.parametrize(
    ("role", "slug", "default", "model"),
    [
        ("assistant", "gpt-5", "gpt-4o", "gpt-5"),
        ("assistant", None, "gpt-4o", "gpt-4o"),
        ("assistant", 5, ["gpt"], None),
        ("user", None, "gpt-4o", None),
    ],
)
def test_the_model_is_that_of_the_answer(
    tmp_path: Path, role: str, slug: object, default: object, model: str | None
) -> None:
    message = {"author": {"role": role}, "metadata": {"model_slug": slug}}
    outcome = read_one(tmp_path, message, default_model_slug=default)
    assert isinstance(outcome, Captured)
    assert outcome.message.model == model


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"metadata": {"is_visually_hidden_from_conversation": True}}, "hidden message"),
        ({"content": {"content_type": "user_editable_context", "user_profile": "x"}}, "custom instructions"),
        ({"content": {"content_type": "model_editable_context"}}, "memory of the model"),
        ({"content": {"content_type": "reasoning_recap", "content": "Thought"}}, "reasoning recap"),
        ({"content": {"content_type": "text", "parts": ["  "]}}, "empty message"),
        ({"content": None}, "empty message"),
        ({"content": {"content_type": "smell"}}, "unknown content type smell"),
    ],
)
def test_what_was_not_said_is_skipped_with_its_reason(tmp_path: Path, message: dict[str, Any], reason: str) -> None:
    assert read_one(tmp_path, message) == Skipped(1, reason)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"author": None}, "author.role"),
        ({"author": "user"}, "author"),
        ({"metadata": []}, "metadata"),
        ({"content": "x"}, "content"),
        ({"content": {"content_type": 7}}, "content.content_type"),
        ({"content": {"content_type": "text", "parts": [7]}}, "content.parts[0]"),
        ({"content": {"content_type": "code", "text": {"a": 1}}}, "content.text"),
        ({"create_time": "soon"}, "create_time"),
    ],
)
def test_a_message_of_another_shape_is_rejected_with_its_field(
    tmp_path: Path, message: dict[str, Any], field: str
) -> None:
    outcome = read_one(tmp_path, message)
    assert isinstance(outcome, Rejected)
    assert (outcome.line, outcome.field) == (1, f"mapping.n.message.{field}")


def test_of_two_exports_of_one_account_a_conversation_grows_and_is_edited_in_its_place(
    memory: Memory, tmp_path: Path
) -> None:
    new = fixture(EXPORT)[:1]
    old = json.loads(json.dumps(new))
    for name in ("a-q2-edited", "a-a2-edited"):
        del old[0]["mapping"][name]
    old[0]["mapping"]["a-a1-again"]["children"] = ["a-q2"]
    old[0]["current_node"] = "a-a2"
    first = memory.account(write_zip(tmp_path / "in/1.zip", {"conversations.json": old})).account
    assert branch(memory, "conv-a")[-2:] == ["a-q2", "a-a2"]
    second = memory.account(write_zip(tmp_path / "in/2.zip", {"conversations-000.json": new})).account
    assert (second.stored, second.updated, second.merged) == (4, 2, first.stored - 2)
    assert branch(memory, "conv-a")[-2:] == ["a-q2-edited", "a-a2-edited"]
    assert len(memory.titles()) == 1


def test_a_truncated_file_is_an_error_and_what_was_read_is_kept(memory: Memory, tmp_path: Path) -> None:
    whole = (FIXTURES / EXPORT).read_bytes()
    path = tmp_path / "in/conversations.json"
    path.parent.mkdir()
    path.write_bytes(whole[: whole.index(b'"c-a1"')])
    file = memory.account(path)
    assert file.error == "ends within record 3: the file is truncated"
    assert not file.complete
    assert set(memory.titles()) == {"conv-a", "conv-b"}
    path.write_bytes(whole)
    assert memory.account(path).complete
    assert set(memory.titles()) == {"conv-a", "conv-b", "conv-c", "conv-e"}


@pytest.mark.parametrize("field", ["create_time", "update_time", "title", "default_model_slug", "current_node"])
def test_a_field_of_the_conversation_that_cannot_be_read_costs_no_message(tmp_path: Path, field: str) -> None:
    assert isinstance(read_one(tmp_path, {}, **{field: {"a": 1}}), Captured)


@pytest.mark.parametrize("mapping", [None, [], "x"])
def test_a_conversation_without_its_tree_is_rejected(tmp_path: Path, mapping: object) -> None:
    path = write_json(tmp_path / "one.json", [{"id": "c", "mapping": mapping}])
    (outcome,) = ChatGpt().read(path, space="default")
    assert isinstance(outcome, Rejected)
    assert (outcome.line, outcome.field) == (1, "mapping")
