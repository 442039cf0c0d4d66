from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture.claude_code import ClaudeCode
from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected, Skipped
from aethergrid_pipelines.records.conversation import Message
from aethergrid_pipelines_tests.capture.rows import SESSION, assistant, captured, text, user, write_lines

FORK = "77777777-1111-4222-8333-944455556666"


def _outcomes(tmp_path: Path, *rows: object, name: str = "session.jsonl") -> list[Outcome]:
    return list(ClaudeCode().read(write_lines(tmp_path / name, rows), space="default"))


def _messages(tmp_path: Path, *rows: object) -> list[Message]:
    return [outcome.message for outcome in captured(_outcomes(tmp_path, *rows))]


def _said(message: Message) -> tuple[str, str]:
    return message.role.value, message.content


def test_a_question_and_its_answer(tmp_path: Path) -> None:
    asked, answered = _messages(
        tmp_path,
        user("u1", "Why does the build fail?"),
        assistant("a1", "msg_1", text("A missing header."), usage={"input_tokens": 12, "output_tokens": 4}),
    )
    assert _said(asked) == ("user", "Why does the build fail?")
    assert (asked.native_id, asked.model, asked.origin.line) == ("u1", None, 1)
    assert _said(answered) == ("assistant", "A missing header.")
    assert (answered.native_id, answered.model) == ("msg_1", "claude-sonnet-4-5")
    assert answered.metadata == {
        "cwd": "/home/dev/parcels",
        "git_branch": "main",
        "version": "2.1.4",
        "tokens": {"input": 12, "output": 4},
    }
    assert answered.timestamp.isoformat() == "2026-10-05T09:00:00+00:00"


def test_rows_of_one_response_are_merged_in_order(tmp_path: Path) -> None:
    outcomes = _outcomes(
        tmp_path,
        assistant("a1", "msg_1", {"type": "thinking", "thinking": "Hm.", "signature": "s"}, usage={"output_tokens": 1}),
        assistant("a2", "msg_1", text("Let me look."), usage={"output_tokens": 1}),
        assistant("a3", "msg_1", {"type": "tool_use", "id": "t1", "name": "Read", "input": {"path": "a.py"}}),
        assistant(
            "a4", "msg_1", {"type": "tool_use", "id": "t2", "name": "Read", "input": {}}, usage={"output_tokens": 9}
        ),
    )
    (only,) = captured(outcomes)
    assert outcomes.count(Merged(2)) + outcomes.count(Merged(3)) + outcomes.count(Merged(4)) == 3
    assert only.message.content == "Let me look."
    assert only.message.metadata["thinking"] == "Hm."
    assert only.message.metadata["tools_used"] == ["Read"]
    assert only.message.metadata["tool_calls"] == [
        {"id": "t1", "name": "Read", "input": {"path": "a.py"}},
        {"id": "t2", "name": "Read", "input": {}},
    ]
    assert only.message.metadata["tokens"] == {"output": 9}


@pytest.mark.parametrize(
    "snapshots",
    [
        [[text("The par")], [text("The parcel is late.")]],
        [[text("The parcel is late.")], [text("The par")]],
        [[text("")], [text("The parcel is late.")]],
        [[{"type": "thinking", "thinking": "T"}], [{"type": "thinking", "thinking": "T"}, text("The parcel is late.")]],
    ],
)
def test_a_snapshot_that_repeats_what_is_there_is_not_doubled(tmp_path: Path, snapshots: list[list[Any]]) -> None:
    rows = [assistant(f"a{number}", "msg_1", *blocks) for number, blocks in enumerate(snapshots)]
    (message,) = _messages(tmp_path, *rows)
    assert message.content == "The parcel is late."
    assert message.metadata.get("thinking") in {None, "T"}


def test_the_usage_of_an_older_snapshot_that_comes_late_does_not_count(tmp_path: Path) -> None:
    rows = [assistant(f"a{count}", "msg_1", text("Hi"), usage={"output_tokens": count}) for count in (1, 9, 3)]
    assert _messages(tmp_path, *rows)[0].metadata["tokens"] == {"output": 9}


def test_what_is_said_twice_within_one_row_stays_twice(tmp_path: Path) -> None:
    (message,) = _messages(tmp_path, user("u1", [text("yes"), text("yes, really")]))
    assert message.content == "yes\n\nyes, really"


def test_a_response_interleaved_with_tool_results_is_one_message(tmp_path: Path) -> None:
    def result(uuid: str, call: str) -> dict[str, Any]:
        return user(uuid, [{"type": "tool_result", "tool_use_id": call, "content": f"result of {call}"}])

    calls: list[dict[str, Any]] = [
        {"type": "tool_use", "id": call, "name": "Bash", "input": {}} for call in ("t1", "t2")
    ]
    outcomes = _outcomes(
        tmp_path,
        assistant("a1", "msg_1", calls[0]),
        result("u1", "t1"),
        assistant("a2", "msg_1", calls[1]),
        result("u2", "t2"),
    )
    response, first, second = (outcome.message for outcome in captured(outcomes))
    assert [call["id"] for call in response.metadata["tool_calls"]] == ["t1", "t2"]
    assert response.content == ""
    assert _said(first) == ("tool", "result of t1")
    assert second.metadata["tool_results"] == [{"tool_use_id": "t2"}]


def test_a_late_row_completes_a_response_that_was_closed_long_before(tmp_path: Path) -> None:
    between = [user(f"u{number}", f"question {number}") for number in range(20)]
    outcomes = _outcomes(
        tmp_path, assistant("a1", "msg_1", text("First.")), *between, assistant("a2", "msg_1", text("Second."))
    )
    versions = [outcome.message for outcome in captured(outcomes) if outcome.message.native_id == "msg_1"]
    assert [version.content for version in versions] == ["First.", "First.\n\nSecond."]
    assert versions[0].id == versions[1].id
    assert len(outcomes) == 22


def test_a_row_that_was_written_again_changes_nothing(tmp_path: Path) -> None:
    rows = [user("u1", "Hello"), assistant("a1", "msg_1", text("Hi"))]
    between = [user(f"v{number}", "…") for number in range(20)]
    outcomes = _outcomes(tmp_path, *rows, *rows, *between, rows[1])
    assert [outcome for outcome in outcomes if isinstance(outcome, Merged)] == [Merged(3), Merged(4), Merged(25)]


def test_tool_results_beside_text_stay_in_the_metadata_of_the_text(tmp_path: Path) -> None:
    (message,) = _messages(
        tmp_path,
        user(
            "u1", [{"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": True}, text("Stop that.")]
        ),
    )
    assert _said(message) == ("user", "Stop that.")
    assert message.metadata["tool_results"] == [{"content": "no", "tool_use_id": "t1", "is_error": True}]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("done", "done"),
        ([text("one"), text("two")], "one\ntwo"),
        ([text("a plot"), {"type": "image", "source": {"media_type": "image/png", "data": "iVBO"}}], "a plot"),
        (None, ""),
    ],
)
def test_the_text_of_a_tool_result_is_the_content(tmp_path: Path, content: object, expected: str) -> None:
    (message,) = _messages(tmp_path, user("u1", [{"type": "tool_result", "tool_use_id": "t1", "content": content}]))
    assert _said(message) == ("tool", expected)
    assert "iVBO" not in str(message.metadata)


def test_pictures_are_named_and_not_kept(tmp_path: Path) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0"}}
    (message,) = _messages(tmp_path, user("u1", [picture, text("What is this?")]))
    assert message.metadata["attachments"] == [{"type": "image", "media_type": "image/png"}]


def test_blocks_of_an_unknown_kind_are_kept(tmp_path: Path) -> None:
    (message,) = _messages(tmp_path, assistant("a1", "m", {"type": "server_tool_use", "name": "web_search"}))
    assert message.metadata["other_blocks"] == [{"type": "server_tool_use", "name": "web_search"}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"type": "file-history-snapshot", "messageId": "x", "snapshot": {}}, "file-history-snapshot"),
        ({"type": "queue-operation", "operation": "enqueue", "sessionId": SESSION}, "queue-operation"),
        ({"type": "progress", "sessionId": SESSION}, "progress"),
        ({"type": "system", "subtype": "compact_boundary", "parentUuid": None}, "system: compact_boundary"),
        ({"type": "system"}, "system: other"),
        ({"type": "hologram"}, "unknown type hologram"),
        ({"type": "summary", "summary": "Elsewhere", "leafUuid": "nobody"}, "title"),
        (user("m1", "Caveat: …", isMeta=True), "meta row"),
        (assistant("e1", "x", text("API Error: 529"), model="<synthetic>"), "synthetic message"),
    ],
)
def test_rows_that_nobody_said_are_skipped_with_their_reason(tmp_path: Path, row: object, reason: str) -> None:
    outcomes = _outcomes(tmp_path, row, user("u1", "Hello"))
    assert outcomes[0] == Skipped(1, reason)
    assert isinstance(outcomes[1], Captured)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"type": 7}, "type"),
        ({"sessionId": SESSION}, "type"),
        ({**user("u1", "x"), "message": "hello"}, "message"),
        (user("u1", "x", timestamp="soon"), "timestamp"),
        (user("u1", 7), "message.content"),
        (user("u1", None), "message.content"),
        (user("u1", [text("a"), "b"]), "message.content[1]"),
        (user("u1", [{"type": "text", "text": 5}]), "message.content[0].text"),
        ({**user("u1", "x"), "uuid": None}, "uuid"),
        ({**user("u1", "x"), "uuid": ["u"]}, "uuid"),
        (user("u1", "x", sessionId={"a": 1}), "sessionId"),
    ],
)
def test_a_bad_row_is_rejected_by_its_field_and_the_rest_goes_on(tmp_path: Path, row: object, field: str) -> None:
    outcomes = _outcomes(tmp_path, row, user("u9", "still here"))
    assert isinstance(outcomes[0], Rejected)
    assert (outcomes[0].line, outcomes[0].field) == (1, field)
    assert [outcome.message.native_id for outcome in captured(outcomes)] == ["u9"]


def test_a_half_written_last_line_is_rejected_as_such(tmp_path: Path) -> None:
    outcomes = _outcomes(tmp_path, user("u1", "Hello"), b'{"type":"user","message":{"content":"unfin')
    assert Rejected(2, "truncated last line") in outcomes
    assert len(captured(outcomes)) == 1


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [{"type": "summary", "summary": "Late parcels", "leafUuid": "u1"}], "Late parcels"),
        ([{"type": "summary", "summary": "Late parcels", "leafUuid": "u1"}], [], "Late parcels"),
        ([{"type": "summary", "summary": "Another session", "leafUuid": "elsewhere"}], [], None),
        ([], [{"type": "ai-title", "aiTitle": "By a model", "sessionId": SESSION}], "By a model"),
        (
            [{"type": "custom-title", "customTitle": "By a person", "sessionId": SESSION}],
            [{"type": "ai-title", "aiTitle": "By a model", "sessionId": SESSION}],
            "By a person",
        ),
        ([], [{"type": "ai-title", "aiTitle": "  ", "sessionId": SESSION}], None),
    ],
)
def test_the_title_of_a_session(
    tmp_path: Path, before: list[object], after: list[object], expected: str | None
) -> None:
    found = captured(_outcomes(tmp_path, *before, user("u1", "Hello"), *after))
    assert found[-1].conversation.title == expected


def test_the_summary_of_a_compaction_is_marked_as_one(tmp_path: Path) -> None:
    (message,) = _messages(tmp_path, user("u1", "This session continues …", isCompactSummary=True))
    assert message.metadata["compact_summary"] is True


def test_each_row_goes_to_its_own_session(tmp_path: Path) -> None:
    found = captured(_outcomes(tmp_path, user("u1", "old", sessionId="s-old"), user("u2", "new", sessionId="s-new")))
    assert [item.conversation.native_id for item in found] == ["s-old", "s-new"]
    without = {key: value for key, value in user("u3", "x").items() if key != "sessionId"}
    assert captured(_outcomes(tmp_path, without))[0].conversation.native_id == "session"


def test_what_subagents_say_is_a_conversation_of_its_own(tmp_path: Path) -> None:
    found = captured(
        _outcomes(
            tmp_path,
            user("u1", "Explore.", isSidechain=True, agentId="a17"),
            user("u2", "Explore, as older versions wrote it.", isSidechain=True),
        )
    )
    assert [item.conversation.native_id for item in found] == [f"{SESSION}/a17", f"{SESSION}/sidechain"]
    assert all(item.message.metadata["sidechain"] for item in found)


def test_rows_that_a_fork_copied_are_the_rows_they_were_copied_from(tmp_path: Path) -> None:
    original = [user("u1", "Hello"), assistant("a1", "msg_1", text("Hi"))]
    copies = [
        {**row, "sessionId": FORK, "forkedFrom": {"sessionId": SESSION, "messageUuid": row["uuid"]}} for row in original
    ]
    unstamped = [{**row, "sessionId": FORK, "parentUuid": None} for row in original]
    new = user("u2", "Another way, then.", sessionId=FORK)
    before = captured(_outcomes(tmp_path, *original))
    fork = _outcomes(tmp_path, *copies, *unstamped, new, name="fork.jsonl")
    *copied, own = captured(fork)
    assert [item.message.id for item in copied] == [item.message.id for item in before]
    assert [item.message.digest for item in copied] == [item.message.digest for item in before]
    assert [outcome for outcome in fork if isinstance(outcome, Merged)] == [Merged(3), Merged(4)]
    assert own.conversation.native_id == FORK
    assert own.message.metadata["forked_from"] == SESSION


def test_lone_surrogates_are_mended_with_a_warning(tmp_path: Path) -> None:
    (found,) = captured(_outcomes(tmp_path, user("u1", "a \ud83d b")))
    assert found.message.content == "a � b"
    assert found.warning is not None


def test_the_same_file_gives_the_same_messages_again_and_in_any_space_its_own(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "s.jsonl", [user("u1", "Hello"), assistant("a1", "m", text("Hi"))])
    first, again, other = (captured(ClaudeCode().read(path, space=space)) for space in ("a", "a", "b"))
    assert first == again
    assert {item.message.id for item in first}.isdisjoint(item.message.id for item in other)
