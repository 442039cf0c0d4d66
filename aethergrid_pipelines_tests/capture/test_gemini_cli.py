import json
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture.gemini_cli import GeminiCli
from aethergrid_pipelines.capture.protocol import Merged, Outcome, Skipped
from aethergrid_pipelines.records.conversation import Message
from aethergrid_pipelines_tests.capture.fixture_files import files_of, lines_told, merged, read, reasons, rejected
from aethergrid_pipelines_tests.capture.rows import captured, write_lines

OLD, NEW = files_of("gemini-cli")
HEADER = {"sessionId": "s", "projectHash": "h", "startTime": "2026-10-07T10:00:00.000Z"}


def _user(name: str, *texts: str, **fields: Any) -> dict[str, Any]:
    parts = [{"text": text} for text in texts]
    return {"id": name, "timestamp": "2026-10-07T10:00:01.000Z", "type": "user", "content": parts, **fields}


def _answer(name: str, text: object, **fields: Any) -> dict[str, Any]:
    return {"id": name, "timestamp": "2026-10-07T10:00:02.000Z", "type": "gemini", "content": text, **fields}


def _set(*messages: object) -> dict[str, Any]:
    return {"$set": {"messages": list(messages), "lastUpdated": "2026-10-07T10:01:00.000Z"}}


def _outcomes(tmp_path: Path, *rows: object) -> list[Outcome]:
    return read(GeminiCli(), write_lines(tmp_path / "session-1.jsonl", [HEADER, *rows]))


def _messages(outcomes: list[Outcome]) -> list[Message]:
    return [outcome.message for outcome in captured(outcomes)]


def _named(name: str) -> Message:
    return next(message for message in _messages(read(GeminiCli(), NEW)) if message.native_id == name)


def test_every_line_has_one_outcome_and_so_has_every_message_of_a_list() -> None:
    told = lines_told(read(GeminiCli(), NEW))
    lists = {2: 1, 19: 5}
    assert told == {line: 1 + lists.get(line, 0) for line in range(1, len(NEW.read_bytes().splitlines()) + 1)}
    document = json.loads(OLD.read_text())
    assert lines_told(read(GeminiCli(), OLD)) == dict.fromkeys(range(1, len(document["messages"]) + 1), 1)


def test_the_conversation_is_what_was_said() -> None:
    said = [(message.native_id, message.content) for message in _messages(read(GeminiCli(), NEW))]
    assert said == [
        ("u1", "Which depot opens on Sunday?"),
        ("g1", ""),
        ("g2", "Utrecht, from 9 to 13."),
        ("u2", "Close it on Sundays."),
        ("g3", "Closed."),
        ("u3", "Explain @depots.csv"),
        ("g4", "One row a depot, five columns."),
        ("x1", "<state_snapshot>Utrecht opens on Sundays.</state_snapshot>"),
        ("x2", "Got it. Thanks for the additional context!"),
        ("u4", "Thanks."),
        ("7", "a part by itself"),
    ]


def test_what_is_not_said_is_skipped_and_counted() -> None:
    outcomes = read(GeminiCli(), NEW)
    assert reasons(outcomes) == {
        "session": 3,
        "messages replaced": 2,
        "context for the model": 1,
        "info notice": 2,
        "error notice": 1,
        "rewind": 1,
        "rewind to an unknown message": 1,
        "empty message": 1,
        "unknown type hologram": 1,
        "unknown record": 1,
        "blank line": 1,
    }
    assert rejected(outcomes) == [
        (26, "content[0]"),
        (27, "timestamp"),
        (28, "toolCalls[0]"),
        (29, "id"),
        (31, None),
        (33, None),
    ]


def test_the_last_record_of_a_message_counts() -> None:
    assert merged(read(GeminiCli(), NEW)) == [5, 6, 7, 9, 17, 19, 19]
    answer = _named("g1")
    assert (answer.origin.line, answer.model) == (8, "gemini-2.5-pro")
    assert answer.metadata == {
        "project": "5b" * 32,
        "thinking": "Reading\nThe depots are in a table.",
        "tool_calls": [{"id": "call-1", "name": "read_file", "input": {"file_path": "depots.csv"}}],
        "tool_results": [{"content": "Utrecht: Sunday 9-13", "tool_use_id": "call-1"}],
        "tools_used": ["read_file"],
        "tokens": {"input": 900, "output": 20, "cache_read": 400, "thinking": 12},
    }


def test_thoughts_among_the_parts_are_no_words() -> None:
    assert _named("g2").metadata["thinking"] == "**Answering**"


def _marked(name: str) -> list[str]:
    return [message.native_id for message in _messages(read(GeminiCli(), NEW)) if message.metadata.get(name) is True]


def test_what_was_rewound_is_off_the_branch() -> None:
    assert _marked("alternate_branch") == ["u2", "g3"]


def test_a_compression_keeps_what_was_said_and_marks_what_it_replaced_and_added() -> None:
    assert _marked("replaced") == ["u1", "g2"]
    assert _marked("replacement") == ["x1", "x2"]
    assert _marked("compact_summary") == ["x1"]


def test_what_was_typed_is_the_content_and_what_was_sent_stays_beside_it() -> None:
    message = _named("u3")
    assert (
        message.metadata["sent"]
        == "Explain @depots.csv\n\n--- Content from referenced files ---\n\nUtrecht;Sunday;9;13"
    )
    assert message.metadata["context"] == ["<hook_context>be brief</hook_context>"]
    assert (message.timestamp_inferred, message.timestamp.isoformat()) == (True, "2026-10-07T10:01:03+00:00")


def test_the_summary_of_the_session_is_its_title() -> None:
    first = captured(read(GeminiCli(), NEW))[0].conversation
    assert (first.source, first.native_id, first.title) == (
        "gemini-cli",
        "7f3a1c20-aaaa-4bbb-8ccc-0000000000a1",
        "Opening hours of depots",
    )


def test_the_older_form_is_one_document() -> None:
    outcomes = read(GeminiCli(), OLD)
    messages = _messages(outcomes)
    assert [(message.native_id, message.content) for message in messages] == [
        ("o1", "How many depots are there?"),
        ("o2", "Twelve."),
        ("o4", "And parcels?"),
    ]
    assert outcomes[2] == Skipped(3, "info notice")
    assert rejected(outcomes) == [(5, None)]
    assert captured(outcomes)[0].conversation.title == "Depots"


def test_a_session_that_was_carried_over_to_the_newer_form_is_the_same(tmp_path: Path) -> None:
    document = json.loads(OLD.read_text())
    header = {name: value for name, value in document.items() if name != "messages"}
    rows = [message for message in document["messages"] if isinstance(message, dict)]
    carried = _messages(read(GeminiCli(), write_lines(tmp_path / f"{OLD.stem}.jsonl", [header, *rows])))
    before = _messages(read(GeminiCli(), OLD))
    assert [(message.id, message.digest) for message in carried] == [(message.id, message.digest) for message in before]


def test_a_rewind_leaves_what_came_before_and_what_comes_after(tmp_path: Path) -> None:
    rows = [_user("u1", "one"), _answer("g1", "1"), _user("u2", "two"), {"$rewindTo": "g1"}, _answer("g2", "uno")]
    messages = _messages(_outcomes(tmp_path, *rows))
    assert [(message.native_id, "alternate_branch" in message.metadata) for message in messages] == [
        ("u1", False),
        ("g1", True),
        ("u2", True),
        ("g2", False),
    ]


def test_a_message_that_is_written_again_after_a_rewind_is_back(tmp_path: Path) -> None:
    rows = [_user("u1", "one"), {"$rewindTo": "u1"}, _user("u1", "one, again")]
    (message,) = _messages(_outcomes(tmp_path, *rows))
    assert (message.content, "alternate_branch" in message.metadata) == ("one, again", False)


def test_a_rewind_reaches_a_message_by_the_id_that_it_was_given_anew(tmp_path: Path) -> None:
    rows = [_user("u1", "one"), _user("u2", "two"), _set(_user("v1", "one"), _user("v2", "two")), {"$rewindTo": "v2"}]
    messages = _messages(_outcomes(tmp_path, *rows))
    assert [(message.native_id, "alternate_branch" in message.metadata) for message in messages] == [
        ("u1", False),
        ("u2", True),
    ]


def test_replacing_takes_the_words_of_a_known_message(tmp_path: Path) -> None:
    (message,) = _messages(_outcomes(tmp_path, _user("u1", "old"), _set(_user("u1", "new"))))
    assert (message.content, message.metadata) == ("new", {"project": "h"})


def test_an_output_that_was_masked_stays_whole(tmp_path: Path) -> None:
    def answer(output: str) -> dict[str, Any]:
        result = [{"functionResponse": {"id": "c", "name": "ls", "response": {"output": output}}}]
        return _answer("g1", "", toolCalls=[{"id": "c", "name": "ls", "args": {}, "result": result}])

    masked = answer("<tool_output_masked>\n…\n</tool_output_masked>")
    (message,) = _messages(_outcomes(tmp_path, answer("a.txt"), _set(masked), masked))
    assert message.metadata["tool_results"] == [{"content": "a.txt", "tool_use_id": "c"}]


def test_a_result_whose_call_is_not_told_of_is_a_message_of_the_tool(tmp_path: Path) -> None:
    response = {"id": "c9", "name": "ls", "response": {"error": "no such folder"}}
    (message,) = _messages(_outcomes(tmp_path, {**_user("u1"), "content": [{"functionResponse": response}]}))
    assert (message.role.value, message.content) == ("tool", "no such folder")
    assert message.metadata["tool_results"] == [{"tool_use_id": "c9", "name": "ls", "is_error": True}]


@pytest.mark.parametrize(
    ("part", "metadata"),
    [
        (
            {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
            {"attachments": [{"type": "file", "media_type": "image/png"}]},
        ),
        ({"executableCode": {"code": "1+1"}}, {"other_blocks": [{"executableCode": {"code": "1+1"}}]}),
        (
            {"functionCall": {"id": "c", "name": "ls", "args": {"path": "."}}},
            {"tool_calls": [{"id": "c", "name": "ls", "input": {"path": "."}}], "tools_used": ["ls"]},
        ),
    ],
)
def test_parts_that_are_no_words_are_kept_beside_them(tmp_path: Path, part: object, metadata: dict[str, Any]) -> None:
    (message,) = _messages(_outcomes(tmp_path, _answer("g1", [part])))
    assert message.metadata == {"project": "h", **metadata}


def test_unknown_fields_of_a_message_are_kept(tmp_path: Path) -> None:
    (message,) = _messages(_outcomes(tmp_path, _user("u1", "hi", agentId="scout")))
    assert message.metadata["agentId"] == "scout"


def test_a_subagent_is_marked_as_one(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "s.jsonl", [{**HEADER, "kind": "subagent"}, _user("u1", "hi")])
    (message,) = _messages(read(GeminiCli(), path))
    assert message.metadata["sidechain"] is True


def test_a_message_of_a_list_that_is_no_object_is_rejected_by_its_place(tmp_path: Path) -> None:
    outcomes = _outcomes(tmp_path, _set("nope", _user("u1", "hi"), _user("u1", "hi")))
    assert rejected(outcomes) == [(2, "messages[0]")]
    assert outcomes.count(Merged(2)) == 1
