import json
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.capture.importer import import_paths
from aethergrid_pipelines.capture.otel import Otel
from aethergrid_pipelines.capture.otel_values import plain
from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected, Skipped
from aethergrid_pipelines.records.conversation import Message
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore
from aethergrid_pipelines_tests.capture.fixture_files import files_of, lines_told, read, reasons, rejected
from aethergrid_pipelines_tests.capture.rows import write_lines

DOCUMENT, TRACES = files_of("otel")
SPANS_OF_LINE_6 = "resourceSpans[0].scopeSpans[0].spans"
START = 1_791_536_400


def _text(role: str, said: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": said}]}


def _span(number: int, inputs: object, outputs: object = None, **about: Any) -> dict[str, Any]:
    """A span that begins ``number`` minutes after the start and takes ten seconds."""
    named = {"gen_ai.conversation.id": "c", "gen_ai.input.messages": inputs, "gen_ai.output.messages": outputs, **about}
    written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in named.items() if value}
    return {
        "traceId": "a1" * 16,
        "spanId": f"{number:016x}",
        "startTimeUnixNano": str((START + 60 * number) * 10**9),
        "endTimeUnixNano": str((START + 60 * number + 10) * 10**9),
        "attributes": [{"key": name, "value": {"stringValue": value}} for name, value in written.items()],
    }


def _request(*spans: object) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def _outcomes(tmp_path: Path, *spans: object) -> list[Outcome]:
    return read(Otel(), write_lines(tmp_path / "traces.jsonl", [_request(span) for span in spans]))


def _messages(outcomes: list[Outcome], conversation: str = "c") -> list[Message]:
    """Those of a conversation in the order in which a store gives them."""
    found = [outcome for outcome in outcomes if isinstance(outcome, Captured)]
    messages = [outcome.message for outcome in found if outcome.conversation.native_id == conversation]
    return sorted(messages, key=lambda message: (message.timestamp, message.position, message.id))


def _said(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.role.value, message.content) for message in messages]


def test_the_conversation_is_told_once_and_in_order_whatever_the_order_of_its_spans() -> None:
    assert _said(_messages(read(Otel(), TRACES), "depot-chat-1")) == [
        ("system", "You know all depots."),
        ("user", "When does Utrecht open?"),
        ("assistant", ""),
        ("tool", '{"sunday":"9-13"}'),
        ("assistant", "On Sundays from 9 to 13."),
        ("user", "ok"),
        ("assistant", "Anything else?"),
        ("user", "ok"),
        ("assistant", "Bye."),
        ("user", "Still here?"),
    ]


def test_every_message_of_every_span_has_one_outcome() -> None:
    outcomes = read(Otel(), TRACES)
    # Per line: its messages, and one for each span, and each line, that has none.
    assert lines_told(outcomes) == {1: 9, 2: 8, 3: 5, 4: 7, 5: 7, 6: 6, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1}
    assert reasons(outcomes) == {"not about GenAI": 1, "no content was recorded": 2, "no spans": 2, "blank line": 1}
    assert rejected(outcomes) == [
        (6, f"{SPANS_OF_LINE_6}[0].gen_ai.input.messages"),
        (6, f"{SPANS_OF_LINE_6}[1].gen_ai.input.messages[0].role"),
        (6, f"{SPANS_OF_LINE_6}[1].gen_ai.input.messages[1].parts[0]"),
        (6, f"{SPANS_OF_LINE_6}[2]"),
        (6, f"{SPANS_OF_LINE_6}[3].startTimeUnixNano"),
        (9, None),
        (11, None),
    ]


def test_an_answer_has_what_its_span_says_of_it() -> None:
    answer = next(message for message in _messages(read(Otel(), TRACES), "depot-chat-1") if message.model)
    assert (answer.native_id, answer.model) == ("answer/resp_1", "gpt-5-2025-08-07")
    assert (answer.timestamp_inferred, answer.timestamp.isoformat()) == (False, "2026-10-09T09:00:02+00:00")
    assert answer.metadata == {
        "provider": "openai",
        "tokens": {"input": 40, "output": 12},
        "finish_reason": "tool_call",
        "thinking": "I should look it up.",
        "tool_calls": [{"id": "call_9", "name": "hours", "input": {"depot": "Utrecht"}}],
        "tools_used": ["hours"],
    }


def test_what_a_model_was_told_has_the_time_of_the_first_call_that_tells_it() -> None:
    asked = next(message for message in _messages(read(Otel(), TRACES), "depot-chat-1") if message.role == "user")
    assert (asked.timestamp_inferred, asked.timestamp.isoformat()) == (True, "2026-10-09T09:00:00+00:00")
    assert asked.metadata == {}


def test_without_a_conversation_the_trace_is_one() -> None:
    messages = _messages(read(Otel(), TRACES), "b1" * 16)
    assert _said(messages) == [
        ("user", "Hi"),
        ("assistant", "Hello, from before."),
        ("user", "A joke on this picture?"),
        ("assistant", "A parcel walks into a depot."),
        ("assistant", "Knock, knock."),
    ]
    assert [message.metadata.get("replayed") for message in messages] == [None, True, None, None, None]
    assert messages[2].metadata == {
        "attachments": [
            {"type": "blob", "modality": "image", "mime_type": "image/png"},
            {"type": "uri", "modality": "image", "uri": "https://example.org/depot.png"},
        ],
        "other_blocks": [{"type": "hologram", "beam": 1}],
    }


def test_without_times_that_of_the_file_is_taken() -> None:
    messages = _messages(read(Otel(), TRACES), "depot-chat-2")
    assert [message.timestamp_inferred for message in messages] == [True, True]
    assert messages[0].timestamp.timestamp() == pytest.approx(TRACES.stat().st_mtime)


def test_a_document_and_the_event_of_a_span_are_read_and_stored_once() -> None:
    outcomes = read(Otel(), DOCUMENT)
    assert _said(_messages(outcomes, "depot-chat-3")) == [("user", "Is the lorry here?"), ("assistant", "Not yet.")]
    assert outcomes[2:] == [Merged(2), Merged(2)]


def test_what_an_agent_answers_counts_where_no_call_within_it_is_told_of(tmp_path: Path) -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "scout"}
    lone = _outcomes(tmp_path, _span(1, [_text("user", "Find it.")], [_text("assistant", "Found.")], **agent))
    assert _said(_messages(lone)) == [("user", "Find it."), ("assistant", "Found.")]
    assert _messages(lone)[1].metadata["agent"] == "scout"


def test_what_an_agent_repeats_keeps_the_time_of_the_call_that_was_told_it(tmp_path: Path) -> None:
    asked, found = _text("user", "Find it."), _text("tool", "here")
    agent = _span(0, [asked, found], None, **{"gen_ai.operation.name": "invoke_agent"})
    call = _span(3, [asked, found], [_text("assistant", "Found.")])
    messages = _messages(_outcomes(tmp_path, agent, call))
    assert [message.timestamp.minute for message in messages] == [3, 3, 3]


def test_the_same_answer_twice_is_two_answers(tmp_path: Path) -> None:
    ask, answer = _text("user", "Again."), _text("assistant", "Done.")
    outcomes = _outcomes(tmp_path, _span(1, [ask], [answer]), _span(2, [ask, answer, ask], [answer]))
    assert _said(_messages(outcomes)) == [("user", "Again."), ("assistant", "Done.")] * 2


def test_a_conversation_over_two_files_is_stored_once_and_importing_again_stores_nothing(tmp_path: Path) -> None:
    ask, answer, more = _text("user", "When?"), _text("assistant", "Now."), _text("user", "Why?")
    write_lines(tmp_path / "in/1.jsonl", [_request(_span(1, [ask], [answer]))])
    write_lines(tmp_path / "in/2.jsonl", [_request(_span(2, [ask, answer, more], [_text("assistant", "Because.")]))])
    store = SqliteConversationStore(tmp_path / "conversations.db")
    first = import_paths([tmp_path / "in"], store=store, space="default").total
    again = import_paths([tmp_path / "in"], store=store, space="default").total
    (state,) = store.states()
    messages = list(store.messages([state.conversation.id]))
    store.close()
    # The answer of the first file is also what the second one was told: kept, and marked, since one file is seen.
    assert [(message.content, "replayed" in message.metadata) for message in messages] == [
        ("When?", False),
        ("Now.", False),
        ("Now.", True),
        ("Why?", False),
        ("Because.", False),
    ]
    assert (first.stored, first.updated, again.stored) == (5, 0, 0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "a"}, "a"),
        ({"intValue": "7"}, 7),
        ({"intValue": 7}, 7),
        ({"doubleValue": 0.5}, 0.5),
        ({"boolValue": False}, False),
        ({"arrayValue": {"values": [{"stringValue": "a"}, {}]}}, ["a", None]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "1"}}]}}, {"k": 1}),
        ({"intValue": "many"}, None),
        ({"laterValue": 1}, None),
        (None, None),
    ],
)
def test_values_are_plain(value: object, expected: object) -> None:
    assert plain(value) == expected


@pytest.mark.parametrize("instructions", ["Be brief.", json.dumps([{"type": "text", "content": "Be brief."}])])
def test_system_instructions_come_first(tmp_path: Path, instructions: str) -> None:
    span = _span(1, [_text("user", "Hi")], **{"gen_ai.system_instructions": instructions})
    assert _said(_messages(_outcomes(tmp_path, span))) == [("system", "Be brief."), ("user", "Hi")]


def test_a_span_with_an_empty_list_says_nothing(tmp_path: Path) -> None:
    assert _outcomes(tmp_path, _span(1, "[]")) == [Skipped(1, "no content was recorded")]


def test_a_span_without_a_trace_and_a_conversation_is_rejected(tmp_path: Path) -> None:
    span = {**_span(1, [_text("user", "Hi")], **{"gen_ai.conversation.id": ""}), "traceId": ""}
    (outcome,) = _outcomes(tmp_path, span)
    assert isinstance(outcome, Rejected)
    assert outcome.field == "resourceSpans[0].scopeSpans[0].spans[0].traceId"


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_lines_are_lines_whatever_the_file_is_called(tmp_path: Path, suffix: str) -> None:
    path = write_lines(
        tmp_path / f"traces{suffix}",
        [_request(_span(1, [_text("user", "Hi")])), _request(_span(2, [_text("user", "Ho")]))],
    )
    assert Otel().recognises(path, path.read_bytes())
    assert _said(_messages(read(Otel(), path))) == [("user", "Hi"), ("user", "Ho")]
