"""One message of a Gemini CLI session (``MessageRecord`` in google-gemini/gemini-cli)."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from aethergrid_pipelines.capture.fields import UnfitField, identifier_of, json_type, name_in
from aethergrid_pipelines.capture.gemini_parts import Parts, parts_of
from aethergrid_pipelines.capture.generic_message import MODEL_LIMIT, Spoken
from aethergrid_pipelines.capture.timestamps import parse_timestamp
from aethergrid_pipelines.records.conversation import Role

MASKED = "<tool_output_masked>"
"""What is left in the model's context of a long output once the CLI took it out."""

_NOTICES = frozenset({"info", "warning", "error"})
_READ = frozenset({"id", "timestamp", "type", "content", "displayContent", "toolCalls", "thoughts", "tokens", "model"})
_TOKENS = {"input": "input", "output": "output", "cached": "cache_read", "thoughts": "thinking", "tool": "tool"}
_SUMMARY = "<state_snapshot>"
_FAILED = frozenset({"error", "cancelled"})


def read_message(record: object) -> Spoken | str:
    """What a record says, or why it says nothing. Raises :class:`~.fields.UnfitField`."""
    if not isinstance(record, dict):
        raise UnfitField("", f"expected an object, not {json_type(record)}")
    kind = record.get("type")
    if not isinstance(kind, str):
        raise UnfitField("type", f"expected text, not {json_type(kind)}")
    if kind in _NOTICES:
        return f"{kind} notice"
    if kind not in {"user", "gemini"}:
        return f"unknown type {kind[:40]}"
    native_id = identifier_of(record, "id")
    if native_id is None:
        raise UnfitField("id", "expected the id of the message")
    parts = parts_of("" if record.get("content") is None else record["content"], "content")
    metadata = {name: value for name, value in record.items() if name not in _READ and value is not None}
    read = _user(record, parts) if kind == "user" else _answer(record, parts)
    if isinstance(read, str):
        return read
    role, content, more = read
    metadata.update(more)
    model = record.get("model") if kind == "gemini" else None
    named = isinstance(model, str) and 0 < len(model) <= MODEL_LIMIT
    return Spoken(native_id, _moment(record), role, content, str(model) if named else None, metadata)


def calls_answered(record: Mapping[str, Any]) -> list[str]:
    """The ids of the calls whose results stand in the record of the answer that made them."""
    calls = record.get("toolCalls")
    found = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return [call["id"] for call in found if isinstance(call.get("id"), str) and call.get("result")]


def calls_told(record: Mapping[str, Any]) -> list[str] | None:
    """The ids of the calls whose results are all that a ``user`` record holds; ``None`` where it holds more."""
    content = record.get("content")
    if record.get("type") != "user" or not isinstance(content, list) or not content:
        return None
    responses = [part.get("functionResponse") if isinstance(part, dict) else None for part in content]
    ids = [response.get("id") for response in responses if isinstance(response, dict)]
    return [call for call in ids if isinstance(call, str)] if len(ids) == len(content) else None


def _user(record: Mapping[str, Any], parts: Parts) -> tuple[Role, str, dict[str, Any]] | str:
    if not parts.text:
        if parts.results and not parts.attachments:
            content = "\n\n".join(result.pop("content") for result in parts.results)
            return Role.TOOL, content, parts.metadata()
        if parts.context and not parts.attachments:
            return "context for the model"
    metadata, content = parts.metadata(), parts.text
    if record.get("displayContent") is not None:
        shown = parts_of(record["displayContent"], "displayContent").text
        if shown and shown != content:
            # What was typed; files that it names were put into what was sent.
            metadata["sent"], content = content, shown
    if _SUMMARY in content[:200]:
        metadata["compact_summary"] = True
    return (Role.USER, content, metadata) if content or metadata else "empty message"


def _answer(record: Mapping[str, Any], parts: Parts) -> tuple[Role, str, dict[str, Any]] | str:
    thoughts = record.get("thoughts")
    told = [_thought(thought) for thought in thoughts] if isinstance(thoughts, list) else []
    # Thoughts may be there a second time, as parts of the content.
    parts.thoughts = [thought for thought in told if thought] or parts.thoughts
    calls = record.get("toolCalls")
    if calls is not None and not isinstance(calls, list):
        raise UnfitField("toolCalls", f"expected an array, not {json_type(calls)}")
    if calls:
        parts.calls, parts.results = [], []
        for number, call in enumerate(calls):
            _call(call, f"toolCalls[{number}]", parts)
    metadata = parts.metadata()
    names = [call["name"] for call in parts.calls if isinstance(call.get("name"), str)]
    if names:
        metadata["tools_used"] = list(dict.fromkeys(names))
    if not parts.text and not metadata:
        return "empty message"
    tokens = record.get("tokens")
    if isinstance(tokens, dict):
        counts = {ours: tokens.get(name) for name, ours in _TOKENS.items()}
        metadata["tokens"] = {name: count for name, count in counts.items() if isinstance(count, int) and count}
    return Role.ASSISTANT, parts.text, metadata


def _thought(thought: object) -> str:
    if not isinstance(thought, dict):
        return thought if isinstance(thought, str) else ""
    said = [thought.get("subject"), thought.get("description")]
    return "\n".join(text for text in said if isinstance(text, str) and text)


def _call(call: object, where: str, parts: Parts) -> None:
    if not isinstance(call, dict):
        raise UnfitField(where, f"expected an object, not {json_type(call)}")
    known = {"id": call.get("id"), "name": call.get("name"), "input": call.get("args")}
    parts.calls.append({name: value for name, value in known.items() if value is not None})
    if not call.get("result"):
        return
    read = parts_of(call["result"], f"{where}.result")
    content = "\n\n".join([*(result["content"] for result in read.results), *read.texts])
    shown = call.get("resultDisplay")
    if MASKED in content and isinstance(shown, str) and len(shown) > len(content):
        content = shown
    result: dict[str, Any] = {"content": content}
    if isinstance(call.get("id"), str):
        result["tool_use_id"] = call["id"]
    if name_in(call, "status") in _FAILED or any("is_error" in told for told in read.results):
        result["is_error"] = True
    if read.attachments:
        result["attachments"] = read.attachments
    parts.results.append(result)


def _moment(record: Mapping[str, Any]) -> dt.datetime | None:
    if record.get("timestamp") is None:
        return None
    try:
        return parse_timestamp(record["timestamp"])
    except ValueError as error:
        raise UnfitField("timestamp", str(error)) from None
