"""The fields of one message in the documented form and in OpenAI's: from a JSON object to what a message holds.

``docs/capture/generic.md`` is the reference; the OpenAI fields are those of the Chat Completions API.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aethergrid_pipelines.capture.fields import UnfitField, identifier_of, json_type, parsed_text, text_of
from aethergrid_pipelines.capture.timestamps import parse_timestamp
from aethergrid_pipelines.records.conversation import Role

ROLES = {
    "user": Role.USER,
    "human": Role.USER,
    "assistant": Role.ASSISTANT,
    "ai": Role.ASSISTANT,
    "model": Role.ASSISTANT,
    "bot": Role.ASSISTANT,
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}
TIME_FIELDS = ("timestamp", "created", "created_at")
MODEL_LIMIT = 128

_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
_THINKING = ("thinking", "reasoning_content", "reasoning")
_READ = frozenset(
    {"id", "conversation", "role", "content", "model", "source", "title", "metadata", "tool_calls", "function_call"}
    | {"usage", "refusal", "timestamp_inferred", "rendered", *TIME_FIELDS, *_THINKING}
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a record says, before it is placed in its conversation."""

    native_id: str | None
    timestamp: dt.datetime | None
    role: Role
    content: str
    model: str | None
    metadata: dict[str, Any]
    inferred: bool = False
    rendered: bool = False


def read_message(record: Mapping[str, Any]) -> Spoken:
    """Raises :class:`UnfitField`."""
    role = _role(record)
    metadata = _metadata(record)
    content = _content(record, metadata)
    model = text_of(record, "model", limit=MODEL_LIMIT)
    inferred, rendered = _flag(record, "timestamp_inferred"), _flag(record, "rendered")
    return Spoken(identifier_of(record, "id"), moment_of(record), role, content, model, metadata, inferred, rendered)


def moment_of(record: Mapping[str, Any]) -> dt.datetime | None:
    """The first of ``timestamp``, ``created`` and ``created_at`` that is set. Raises :class:`UnfitField`."""
    for name in TIME_FIELDS:
        if record.get(name) is not None:
            try:
                return parse_timestamp(record[name])
            except ValueError as error:
                raise UnfitField(name, str(error)) from None
    return None


def _flag(record: Mapping[str, Any], field: str) -> bool:
    value = record.get(field) or False
    if not isinstance(value, bool):
        raise UnfitField(field, f"expected a boolean, not {json_type(value)}")
    return value


def _role(record: Mapping[str, Any]) -> Role:
    name = record.get("role")
    role = ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise UnfitField("role", f"expected one of {', '.join(ROLES)}")
    return role


def _metadata(record: Mapping[str, Any]) -> dict[str, Any]:
    given = record.get("metadata")
    if given is not None and not isinstance(given, dict):
        raise UnfitField("metadata", f"expected an object, not {json_type(given)}")
    text_of(record, "name")
    metadata = {name: value for name, value in record.items() if name not in _READ and value is not None}
    metadata.update(given or {})
    for name in _THINKING:
        if thinking := text_of(record, name):
            metadata["thinking"] = thinking
            break
    calls = _calls(record)
    if calls:
        metadata["tool_calls"] = calls
        metadata["tools_used"] = list(dict.fromkeys(call["name"] for call in calls))
    if tokens := _tokens(record.get("usage")):
        metadata["tokens"] = tokens
    return metadata


def _content(record: Mapping[str, Any], metadata: dict[str, Any]) -> str:
    content = record.get("content")
    if isinstance(content, str):
        return content
    if content is None:
        if refusal := text_of(record, "refusal"):
            return refusal
        if "tool_calls" in metadata or "thinking" in metadata:
            return ""
        raise UnfitField(
            "content", "expected text or an array of parts" + (", not null" if "content" in record else "")
        )
    if not isinstance(content, list):
        raise UnfitField("content", f"expected text or an array of parts, not {json_type(content)}")
    texts: list[str] = []
    attachments: list[dict[str, Any]] = []
    for number, part in enumerate(content):
        text = part.get("text") if isinstance(part, dict) and part.get("type", "text") in _TEXT_PARTS else part
        if isinstance(text, str):
            texts.append(text)
        elif isinstance(part, dict) and isinstance(part.get("type"), str) and part["type"] not in _TEXT_PARTS:
            attachments.append({"type": part["type"]})
        else:
            raise UnfitField(f"content[{number}]", "expected text or an object with type and text")
    if attachments:
        metadata["attachments"] = attachments
    return "\n\n".join(texts)


def _calls(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    calls = record.get("tool_calls") or []
    if not isinstance(calls, list):
        raise UnfitField("tool_calls", f"expected an array, not {json_type(calls)}")
    if isinstance(record.get("function_call"), dict):
        calls = [*calls, {"function": record["function_call"]}]
    read: list[dict[str, Any]] = []
    for number, call in enumerate(calls):
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise UnfitField(f"tool_calls[{number}]", "expected an object with function.name")
        known = {"name": function["name"], "input": parsed_text(function.get("arguments", function.get("input")))}
        read.append({"id": call["id"], **known} if isinstance(call.get("id"), str) else known)
    return read


def _tokens(usage: object) -> dict[str, int]:
    if not isinstance(usage, dict):
        return {}
    found = {
        "input": usage.get("prompt_tokens", usage.get("input_tokens")),
        "output": usage.get("completion_tokens", usage.get("output_tokens")),
    }
    return {name: value for name, value in found.items() if isinstance(value, int)}
