import shutil
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture.codex import Codex
from aethergrid_pipelines.capture.importer import import_paths
from aethergrid_pipelines.capture.protocol import Outcome, Rejected, Skipped
from aethergrid_pipelines.records.conversation import Message, Role
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore
from aethergrid_pipelines_tests.capture.exports import write_compressed
from aethergrid_pipelines_tests.capture.fixture_files import (
    files_of,
    lines_told,
    merged,
    read,
    reasons,
    rejected,
)
from aethergrid_pipelines_tests.capture.rows import captured, write_lines

MAIN, FORK = files_of("codex")
SESSION = "0199b3a0-1111-7abc-8def-000000000001"


def _row(kind: str, payload: dict[str, Any], second: float = 0) -> dict[str, Any]:
    return {"timestamp": f"2026-10-05T09:00:{second:06.3f}Z", "type": kind, "payload": payload}


def _item(second: float, **payload: Any) -> dict[str, Any]:
    return _row("response_item", payload, second)


def _event(second: float, kind: str, **payload: Any) -> dict[str, Any]:
    return _row("event_msg", {"type": kind, **payload}, second)


def _said(second: float, role: str, text: str) -> dict[str, Any]:
    return _item(second, type="message", role=role, content=[{"type": "input_text", "text": text}])


def _outcomes(tmp_path: Path, *rows: object) -> list[Outcome]:
    return read(Codex(), write_lines(tmp_path / "rollout.jsonl", rows))


def _messages(outcomes: list[Outcome]) -> list[Message]:
    return [outcome.message for outcome in captured(outcomes)]


def _at(line: int) -> Message:
    return next(message for message in _messages(read(Codex(), MAIN)) if message.origin.line == line)


def _marked(name: str) -> list[int | None]:
    return [message.origin.line for message in _messages(read(Codex(), MAIN)) if name in message.metadata]


def test_every_line_has_one_outcome() -> None:
    for path in (MAIN, FORK):
        outcomes = read(Codex(), path)
        assert lines_told(outcomes) == dict.fromkeys(range(1, len(path.read_bytes().splitlines()) + 1), 1)


def test_the_conversation_is_what_was_said() -> None:
    messages = [message for message in _messages(read(Codex(), MAIN)) if message.content]
    assert [(message.role.value, message.content) for message in messages] == [
        ("user", "Why is parcel 4711 late?"),
        ("tool", "4711,Utrecht,08:12\n"),
        ("tool", "failed to parse function arguments"),
        ("assistant", "It waits in Utrecht since 08:12; the lorry left at 08:05."),
        ("user", "Delete the scans of Utrecht."),
        ("assistant", "Deleted."),
        ("user", "Draw the route as here."),
        ("tool", "Done!"),
        ("assistant", "The route is in route.svg.<oai-mem-citation>m1</oai-mem-citation>"),
        ("user", "continue"),
        ("assistant", "Done."),
        ("user", "continue"),
        ("assistant", "Done."),
        ("assistant", "The parcel waits in Utrecht; the route is drawn."),
        ("user", "And parcel 4712?"),
        ("tool", "nobody asked"),
        ("assistant", "On its way."),
        ("user", "No time at all?"),
    ]


def test_what_is_not_said_is_skipped_and_counted() -> None:
    outcomes = read(Codex(), MAIN)
    assert reasons(outcomes) == {
        "session_meta": 1,
        "instructions": 1,
        "context for the model": 1,
        "turn_context": 2,
        "event task_started": 2,
        "event task_complete": 1,
        "event token_count": 1,
        "event exec_command_end": 1,
        "event context_compacted": 1,
        "event item_completed CommandExecution": 1,
        "compacted without a readable summary": 1,
        "rollback": 1,
        "title": 1,
        "world_state": 1,
        "unknown item hologram": 1,
        "unknown type holodeck": 1,
        "blank line": 1,
    }
    assert rejected(outcomes) == [
        (56, "timestamp"),
        (57, "payload"),
        (58, "payload.role"),
        (59, None),
        (62, None),
    ]


def test_an_answer_has_its_thoughts_calls_and_tokens() -> None:
    message = _at(9)
    assert (message.role, message.content, message.model) == (Role.ASSISTANT, "", "gpt-5-codex")
    assert message.metadata == {
        "cwd": "/home/dev/parcels",
        "git_branch": "main",
        "version": "0.153.0",
        "thinking": "**Looking at the scans**",
        "tool_calls": [
            {"id": "call_scan", "name": "shell", "input": {"command": ["grep", "4711", "scans.csv"]}},
            {"id": "call_broken", "name": "shell", "input": "grep 4711 (not JSON"},
        ],
        "tools_used": ["shell"],
        "tokens": {"input": 600, "output": 60, "cache_read": 1500, "thinking": 20},
    }
    assert _at(33).model == "gpt-5.1-codex"


def test_results_are_joined_with_their_calls() -> None:
    assert _at(15).metadata["tool_results"] == [{"tool_use_id": "call_scan", "exit_code": 0, "name": "shell"}]
    assert _at(16).metadata["tool_results"] == [{"tool_use_id": "call_broken", "is_error": True, "name": "shell"}]
    assert _at(32).metadata["tool_results"] == [
        {"tool_use_id": "call_patch", "attachments": [{"type": "image"}], "name": "apply_patch"}
    ]
    assert _at(50).metadata["tool_results"] == [{"tool_use_id": "call_lost"}]


def test_what_was_rolled_back_is_marked_and_nothing_else() -> None:
    marked = [
        message.origin.line for message in _messages(read(Codex(), MAIN)) if "alternate_branch" in message.metadata
    ]
    assert marked == [22, 24]


def test_the_summary_of_a_compaction_is_marked_as_one() -> None:
    marked = [
        message.origin.line for message in _messages(read(Codex(), MAIN)) if "compact_summary" in message.metadata
    ]
    assert marked == [45]


def test_the_title_and_the_session_name_the_conversation() -> None:
    first = captured(read(Codex(), MAIN))[0].conversation
    assert (first.source, first.native_id, first.title) == ("codex", SESSION, "Late parcels")


def test_a_time_that_is_missing_is_that_of_the_line_before() -> None:
    message = _at(61)
    assert message.timestamp_inferred
    assert message.timestamp.isoformat() == "2026-10-05T09:04:09.001000+00:00"
    assert message.native_id == "line/61"


@pytest.mark.parametrize(
    "forms",
    [
        [_said(1, "user", "Hello"), _event(2, "user_message", message="Hello")],
        [_event(1, "user_message", message="Hello"), _said(2, "user", "Hello")],
        [
            _event(1, "item_completed", item={"type": "UserMessage", "content": [{"type": "text", "text": "Hello"}]}),
            _event(2, "user_message", message="Hello"),
            _said(3, "user", " Hello\n"),
        ],
    ],
)
def test_a_message_in_several_forms_is_one_with_the_time_of_the_first(
    tmp_path: Path, forms: list[dict[str, Any]]
) -> None:
    outcomes = _outcomes(tmp_path, *forms)
    (message,) = _messages(outcomes)
    assert len(merged(outcomes)) == len(forms) - 1
    assert message.native_id == "2026-10-05T09:00:01+00:00/user"
    before = _messages(_outcomes(tmp_path, forms[0]))
    assert before[0].id == message.id


def test_a_picture_without_words_is_one_message(tmp_path: Path) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,iVBO"}
    outcomes = _outcomes(
        tmp_path,
        _item(1, type="message", role="user", content=[picture]),
        _event(1, "user_message", message="", images=["data:image/png;base64,iVBO"]),
    )
    (message,) = _messages(outcomes)
    assert message.metadata["attachments"] == [{"type": "input_image"}]


def test_rolling_back_more_turns_than_there_are_marks_them_all(tmp_path: Path) -> None:
    rows = [_said(1, "user", "one"), _said(2, "assistant", "1"), _event(3, "thread_rolled_back", num_turns=9)]
    messages = _messages(_outcomes(tmp_path, *rows, _said(4, "user", "two")))
    assert ["alternate_branch" in message.metadata for message in messages] == [True, True, False]


def test_what_a_fork_copied_stays_with_the_original() -> None:
    outcomes = read(Codex(), FORK)
    first, second = _messages(outcomes)
    assert reasons(outcomes)["copied from another session"] == 13
    assert (first.content, first.metadata["forked_from"]) == ("Why is parcel 4711 late?", SESSION)
    assert "forked_from" not in second.metadata


def test_a_fork_whose_original_is_gone_keeps_what_it_copied(tmp_path: Path) -> None:
    alone = shutil.copy(FORK, tmp_path / FORK.name)
    messages = _messages(read(Codex(), Path(alone)))
    assert [message.content for message in messages if message.metadata.get("copied_from") == SESSION] == [
        "Why is parcel 4711 late?",
        "",
        "4711,Utrecht,08:12\n",
        "failed to parse function arguments",
        "It waits in Utrecht since 08:12; the lorry left at 08:05.",
    ]
    assert [message.content for message in messages if "copied_from" not in message.metadata] == [
        "Why is parcel 4711 late?",
        "Because the lorry left before it was scanned.",
    ]


def test_a_subagent_is_marked_as_one(tmp_path: Path) -> None:
    spawn = {"subagent": {"thread_spawn": {"parent_thread_id": "parent", "depth": 1}}}
    told = {"author": "/root", "recipient": "/root/scout", "content": "Find the scans.", "trigger_turn": True}
    messages = _messages(
        _outcomes(
            tmp_path,
            _row("session_meta", {"id": "child", "source": spawn}),
            _row("inter_agent_communication", told, 1),
            _said(2, "assistant", "Found them."),
        )
    )
    assert [(message.role.value, message.metadata["sidechain"]) for message in messages] == [
        ("user", True),
        ("assistant", True),
    ]
    assert (messages[0].metadata["name"], messages[0].metadata["forked_from"]) == ("/root", "parent")


def test_reasoning_that_is_encrypted_and_leads_to_nothing_is_no_message(tmp_path: Path) -> None:
    outcomes = _outcomes(tmp_path, _item(1, type="reasoning", summary=[], encrypted_content="gAAA"))
    assert outcomes == [Skipped(1, "encrypted reasoning")]


def test_the_oldest_rollouts_have_items_without_an_envelope(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "rollout-2025-06-01-0199b3a0-3333-7abc-8def-000000000003.jsonl",
        [
            {"id": "old", "timestamp": "2025-06-01T08:00:00.000Z", "instructions": None},
            {"record_type": "state"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
        ],
    )
    assert Codex().recognises(path, path.read_bytes())
    messages = _messages(read(Codex(), path))
    assert [(message.content, message.timestamp_inferred) for message in messages] == [("Hello", True), ("Hi", True)]
    assert messages[0].timestamp.isoformat() == "2025-06-01T08:00:00+00:00"


def test_a_compressed_rollout_says_the_same_and_is_stored_once(tmp_path: Path) -> None:
    compressed = write_compressed(tmp_path, MAIN)
    assert Codex().recognises(compressed, compressed.read_bytes())
    plain, packed = _messages(read(Codex(), MAIN)), _messages(read(Codex(), compressed))
    assert [(message.id, message.digest) for message in packed] == [(message.id, message.digest) for message in plain]
    shutil.copy(MAIN, tmp_path)
    store = SqliteConversationStore(tmp_path / "conversations.db")
    first, second = import_paths([tmp_path], store=store, space="default").files
    store.close()
    assert (first.source, second.source) == ("codex", "codex")
    assert (first.account.stored, second.account.stored) == (len(plain), 0)


def test_compression_that_is_broken_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rollout.jsonl.zst"
    data = bytearray(write_compressed(tmp_path, MAIN).read_bytes())
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    path.write_bytes(data)
    last = read(Codex(), path)[-1]
    assert isinstance(last, Rejected)
    assert last.reason.startswith("broken compression")
    assert not Codex().recognises(path, b"no frame")
