import json
import os
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture import generic
from aethergrid_pipelines.capture.generic import Generic
from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected, Skipped
from aethergrid_pipelines.records.conversation import RENDERED, Message
from aethergrid_pipelines_tests.capture.rows import captured, write_lines

NINE = "2026-10-05T09:00:00+00:00"


ROLES_KEPT = ("user", "assistant", "system", "tool")


def said(content: object = "hello", **fields: Any) -> dict[str, Any]:
    return {"conversation": "c", "role": "user", "timestamp": NINE, "content": content, **fields}


def _outcomes(tmp_path: Path, *rows: object, name: str = "records.jsonl") -> list[Outcome]:
    return list(Generic().read(write_lines(tmp_path / name, rows), space="default"))


def _messages(tmp_path: Path, *rows: object) -> list[Message]:
    return [outcome.message for outcome in captured(_outcomes(tmp_path, *rows))]


def _document(tmp_path: Path, value: object, **dump: Any) -> list[Outcome]:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(value, **dump))
    return list(Generic().read(path, space="default"))


def test_a_line_becomes_a_message(tmp_path: Path) -> None:
    row = said("hi", id="m1", model="gpt-5", name="Ana", title="T", source="slack", metadata={"a": 1}, thread="x")
    (found,) = captured(_outcomes(tmp_path, row))
    assert (found.conversation.source, found.conversation.native_id, found.conversation.title) == ("slack", "c", "T")
    assert (found.message.native_id, found.message.content, found.message.model) == ("m1", "hi", "gpt-5")
    assert found.message.metadata == {"a": 1, "name": "Ana", "thread": "x"}
    assert found.message.origin.line == 1


@pytest.mark.parametrize(
    ("given", "role"),
    [
        ("human", "user"),
        ("AI", "assistant"),
        ("model", "assistant"),
        ("bot", "assistant"),
        ("Developer", "system"),
        ("function", "tool"),
        *((role, role) for role in ROLES_KEPT),
    ],
)
def test_roles_have_other_names(tmp_path: Path, given: str, role: str) -> None:
    assert _messages(tmp_path, said(role=given))[0].role == role


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ""),
        ("a\u0000b", "a\u0000b"),
        (["a", "b"], "a\n\nb"),
        ([{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}, {"text": "c"}], "a\n\nb\n\nc"),
        ([{"type": "image_url", "image_url": {"url": "data:…"}}, {"type": "text", "text": "this?"}], "this?"),
        ([], ""),
    ],
)
def test_content_is_text_or_parts(tmp_path: Path, content: object, expected: str) -> None:
    assert _messages(tmp_path, said(content))[0].content == expected


def test_tool_calls_usage_and_thinking_go_into_the_metadata(tmp_path: Path) -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": 1}'}},
        {"id": "c2", "type": "function", "function": {"name": "find", "arguments": "{half"}},
        {"name": "open", "input": {"path": "a"}},
    ]
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    row = said(None, role="assistant", tool_calls=calls, usage=usage, reasoning_content="Hm.")
    (message,) = _messages(tmp_path, row)
    assert message.content == ""
    assert message.metadata == {
        "tool_calls": [
            {"id": "c1", "name": "find", "input": {"q": 1}},
            {"id": "c2", "name": "find", "input": "{half"},
            {"name": "open", "input": {"path": "a"}},
        ],
        "tools_used": ["find", "open"],
        "tokens": {"input": 5, "output": 2},
        "thinking": "Hm.",
    }
    assert _messages(tmp_path, said(None, refusal="I cannot."))[0].content == "I cannot."


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        (said(conversation=None), "conversation", "the id of the conversation"),
        (said(conversation=["c"]), "conversation", "expected text, not an array"),
        (said(conversation="a\u001fb"), "conversation", "U+001F"),
        (said(role="narrator"), "role", "user, human, assistant"),
        (said(role=None), "role", "user, human, assistant"),
        (said(7), "content", "not a number"),
        (said(None), "content", "not null"),
        (said(["a", 7]), "content[1]", "expected text"),
        (said([{"type": "text", "text": None}]), "content[0]", "expected text"),
        (said(timestamp="soon"), "timestamp", "ISO 8601"),
        (said(timestamp=True), "timestamp", "ISO 8601"),
        (said(timestamp=None, created="soon"), "created", "ISO 8601"),
        (said(timestamp=None), "timestamp", "give this message"),
        (said(timestamp_inferred="yes"), "timestamp_inferred", "expected a boolean, not text"),
        (said(rendered=1), "rendered", "expected a boolean, not a number"),
        (said(model=4), "model", "expected text, not a number"),
        (said(model="m" * 129), "model", "longer than 128"),
        (said(source="s" * 65), "source", "longer than 64"),
        (said(title={}), "title", "not an object"),
        (said(name=[]), "name", "not an array"),
        (said(id=True), "id", "not a boolean"),
        (said(metadata="x"), "metadata", "not text"),
        (said(tool_calls={"a": 1}), "tool_calls", "not an object"),
        (said(tool_calls=[{"id": "x"}]), "tool_calls[0]", "function.name"),
        ({"messages": {"role": "user"}}, "messages", "not an object"),
        ({"messages": [said()], "metadata": 3}, "metadata", "not a number"),
        ({"messages": [said()], "created": "soon"}, "created", "ISO 8601"),
        ({"messages": [said(role="x")]}, "messages[0].role", "expected one of"),
        ({"messages": ["hello"]}, "messages[0]", "expected an object, not text"),
    ],
)
def test_a_bad_field_is_rejected_by_its_name_and_the_rest_goes_on(
    tmp_path: Path, row: object, field: str, reason: str
) -> None:
    rejected, kept = _outcomes(tmp_path, row, said("still here", conversation="d"))
    assert isinstance(rejected, Rejected)
    assert (rejected.line, rejected.field) == (1, field)
    assert reason in rejected.reason
    assert isinstance(kept, Captured)


def test_a_bad_message_of_a_list_leaves_the_others(tmp_path: Path) -> None:
    outcomes = _outcomes(tmp_path, {"id": "c", "created": NINE, "messages": [said("a"), said(role="x"), said("b")]})
    assert [type(outcome) for outcome in outcomes] == [Captured, Rejected, Captured]
    assert [outcome.message.position for outcome in captured(outcomes)] == [0, 2]


@pytest.mark.parametrize("form", ["lines", "list"])
def test_a_message_without_a_time_has_that_of_the_one_before(tmp_path: Path, form: str) -> None:
    messages = [said("a"), said("b", timestamp=None), said("c", timestamp=None)]
    rows = messages if form == "lines" else [{"id": "c", "messages": messages}]
    found = _messages(tmp_path, *rows)
    assert [message.timestamp.isoformat() for message in found] == [NINE] * 3
    assert [message.timestamp_inferred for message in found] == [False, True, True]
    assert [message.position for message in found] == [0, 1, 2]


def test_a_record_may_say_that_its_time_is_a_guess_and_that_a_page_showed_it(tmp_path: Path) -> None:
    guessed, shown = _messages(tmp_path, said("a", timestamp_inferred=True), said("b", rendered=True))
    assert (guessed.timestamp.isoformat(), guessed.timestamp_inferred) == (NINE, True)
    assert guessed.origin.path.endswith(".jsonl")
    assert (shown.timestamp_inferred, shown.origin.path) == (False, RENDERED)
    assert guessed.metadata == shown.metadata == {}


def test_a_list_without_times_has_that_of_its_conversation_else_of_the_file(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "a"}]
    path = write_lines(
        tmp_path / "r.jsonl", [{"id": "c", "messages": messages}, {"created": NINE, "messages": messages}]
    )
    os.utime(path, (1_791_000_000, 1_791_000_000))
    file, own = (item.message for item in Generic().read(path, space="x") if isinstance(item, Captured))
    assert file.timestamp.timestamp() == 1_791_000_000
    assert own.timestamp.isoformat() == NINE
    assert file.timestamp_inferred
    assert own.timestamp_inferred


@pytest.mark.parametrize("time", [{}, {"timestamp": None}], ids=["with a time", "without"])
def test_an_edited_message_without_an_id_stays_the_same_message(tmp_path: Path, time: dict[str, Any]) -> None:
    def ids(second: str) -> list[str]:
        return [message.id for message in _messages(tmp_path, said("a"), said(second, **time), said("c", **time))]

    assert ids("b") == ids("edited")
    assert len(set(ids("b"))) == 3


def test_a_later_file_of_the_same_conversation_overwrites_nothing(tmp_path: Path) -> None:
    (first,) = _messages(tmp_path, said("monday"))
    (second,) = _messages(tmp_path, said("tuesday", timestamp="2026-10-06T09:00:00Z"))
    assert first.conversation_id == second.conversation_id
    assert first.id != second.id


def test_a_conversation_without_an_id_is_what_it_says(tmp_path: Path) -> None:
    def of(*contents: str) -> str:
        messages = [{"role": "user", "content": content} for content in contents]
        return _messages(tmp_path, {"created": NINE, "messages": messages})[0].conversation_id

    assert of("a", "b") == of("a", "b")
    assert of("a", "b") != of("a", "c")


def test_an_id_that_occurs_twice_is_merged_or_rejected(tmp_path: Path) -> None:
    outcomes = _outcomes(
        tmp_path, said("a", id="m"), said("a", id="m"), said("b", id="m"), said("b", id="m", conversation="d")
    )
    assert isinstance(outcomes[0], Captured)
    assert outcomes[1] == Merged(2)
    assert isinstance(outcomes[2], Rejected)
    assert outcomes[2].field == "id"
    assert outcomes[2].reason.endswith("on line 1")
    assert isinstance(outcomes[3], Captured)


def test_a_history_that_is_replayed_is_merged(tmp_path: Path) -> None:
    history = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    grown = [*history, {"role": "user", "content": "c"}]
    outcomes = _outcomes(tmp_path, {"id": "c", "created": NINE, "messages": history}, {"id": "c", "messages": grown})
    assert [type(outcome) for outcome in outcomes] == [Captured, Captured, Merged, Merged, Captured]


def test_a_list_gives_its_model_and_metadata_to_its_messages(tmp_path: Path) -> None:
    messages = [said("a", metadata={"a": 2}), said("b", role="assistant"), said("c", role="assistant", model="own")]
    found = _messages(tmp_path, {"id": "c", "model": "gpt-5", "metadata": {"a": 1, "b": 1}, "messages": messages})
    assert [message.model for message in found] == [None, "gpt-5", "own"]
    assert [message.metadata["a"] for message in found] == [2, 1, 1]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("several", [True, False])
def test_a_json_file_is_one_conversation_or_a_list_of_them(tmp_path: Path, indent: int | None, several: bool) -> None:
    value = {"id": "c", "messages": [said("a"), said("b", role="assistant")]}
    outcomes = _document(tmp_path, [value, {**value, "id": "d"}, 7] if several else value, indent=indent)
    assert sum(isinstance(outcome, Captured) for outcome in outcomes) == (4 if several else 2)
    assert [outcome for outcome in outcomes if isinstance(outcome, Rejected)] == (
        [Rejected(3, "expected an object, not a number")] if several else []
    )


def test_json_lines_in_a_json_file_are_read_as_lines(tmp_path: Path) -> None:
    assert len(captured(_outcomes(tmp_path, said("a", id=1), said("b", id=2), name="records.json"))) == 2


def test_a_json_file_that_is_too_large_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generic, "MAX_LINE_BYTES", 1024)
    (rejected,) = _document(tmp_path, [{"messages": [said("x" * 2_000)]}], indent=1)
    assert isinstance(rejected, Rejected)
    assert "jq -c '.[]'" in rejected.reason


def test_a_json_file_that_is_cut_off_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('[{"messages": [{"role"')
    (rejected,) = Generic().read(tmp_path / "cut.json", space="default")
    assert isinstance(rejected, Rejected)
    assert rejected.reason.startswith("not JSON")


def test_a_conversation_without_messages_is_skipped(tmp_path: Path) -> None:
    assert _outcomes(tmp_path, {"id": "c", "messages": []}) == [Skipped(1, "conversation without messages")]


def test_lone_surrogates_are_mended_with_a_warning(tmp_path: Path) -> None:
    (found,) = captured(_outcomes(tmp_path, said("a \udc00")))
    assert found.message.content == "a �"
    assert found.warning is not None
