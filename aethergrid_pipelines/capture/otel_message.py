"""A message in a GenAI span: a role and parts.

The form is that of ``gen-ai-input-messages.json``, ``gen-ai-output-messages.json`` and
``gen-ai-system-instructions.json`` in OpenTelemetry's semantic conventions.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from aethergrid_pipelines.capture.fields import UnfitField, json_type, name_in, parsed_text
from aethergrid_pipelines.capture.generic_message import ROLES
from aethergrid_pipelines.capture.jsonl import UnreadableJson, parse_json
from aethergrid_pipelines.records.conversation import Role
from aethergrid_pipelines.records.ids import sha256_hex

_READ = frozenset({"role", "parts", "content"})
_MEDIA = frozenset({"blob", "uri", "file", "file_data"})
_NAMED = ("modality", "mime_type", "uri", "file_id")


class Told(NamedTuple):
    """A message. ``said`` is equal where the same is said, also where a later request repeats it without thoughts."""

    role: Role
    content: str
    metadata: dict[str, Any]
    said: str


def messages_of(value: object, name: str) -> list[Told | UnfitField]:
    """The messages of an attribute, which is an array or JSON text of one; in place of each that cannot be read the
    reason. Raises :class:`UnfitField` where there is no array at all."""
    listed = _parsed(value, name)
    if not isinstance(listed, list):
        raise UnfitField(name, f"expected an array, not {json_type(listed)}")
    found: list[Told | UnfitField] = []
    for number, message in enumerate(listed):
        try:
            found.append(_message(message, f"{name}[{number}]"))
        except UnfitField as error:
            found.append(error)
    return found


def instructions_of(value: object, name: str) -> list[Told | UnfitField]:
    """The system instructions: parts, or a text. Raises :class:`UnfitField`."""
    parts = value if isinstance(value, str) and not value.lstrip().startswith("[") else _parsed(value, name)
    told = _told(Role.SYSTEM, parts, name, {})
    return [told] if told.content or told.metadata else []


def _message(message: object, where: str) -> Told:
    if not isinstance(message, dict):
        raise UnfitField(where, f"expected an object, not {json_type(message)}")
    name = message.get("role")
    role = ROLES.get(name) or ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise UnfitField(f"{where}.role", f"expected one of {', '.join(ROLES)}")
    metadata = {name: value for name, value in message.items() if name not in _READ and value is not None}
    parts = message.get("parts")
    if parts is not None:
        return _told(role, parts, f"{where}.parts", metadata)
    return _told(role, message.get("content"), f"{where}.content", metadata)


def _told(role: Role, parts: object, where: str, metadata: dict[str, Any]) -> Told:
    if isinstance(parts, str):
        parts = [{"type": "text", "content": parts}]
    if not isinstance(parts, list):
        raise UnfitField(where, f"expected an array of parts, not {json_type(parts)}")
    texts: list[str] = []
    found: dict[str, list[Any]] = {}
    for number, part in enumerate(parts):
        if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("content"), str):
            texts.append(part["content"])
            continue
        known = {"type": "text", "content": part} if isinstance(part, str) else part
        if not isinstance(known, dict):
            raise UnfitField(f"{where}[{number}]", f"expected an object, not {json_type(part)}")
        _part(known, texts, found)
    if not found:
        content = texts[0] if len(texts) == 1 else "\n\n".join(text for text in texts if text)
        return Told(role, content, metadata, _said(role, content, found))
    results = found.get("tool_results")
    if results and not texts:
        role = Role.TOOL
        texts = [result.pop("content") for result in results]
    told: dict[str, Any] = {**metadata, **found}
    if "thinking" in found:
        told["thinking"] = "\n\n".join(found["thinking"])
    names = [call["name"] for call in found.get("tool_calls", ()) if isinstance(call.get("name"), str)]
    if names:
        told["tools_used"] = list(dict.fromkeys(names))
    content = "\n\n".join(text for text in texts if text)
    return Told(role, content, told, _said(role, content, found))


def _part(part: Mapping[str, Any], texts: list[str], found: dict[str, list[Any]]) -> None:
    kind = name_in(part, "type")
    text = part.get("content", part.get("text"))
    if kind == "text" and isinstance(text, str):
        texts.append(text)
    elif kind == "reasoning" and isinstance(text, str):
        found.setdefault("thinking", []).append(text)
    elif kind == "tool_call":
        call = {"id": part.get("id"), "name": part.get("name"), "input": parsed_text(part.get("arguments"))}
        found.setdefault("tool_calls", []).append({name: value for name, value in call.items() if value is not None})
    elif kind == "tool_call_response":
        response = part.get("response", part.get("result"))
        result: dict[str, Any] = {"content": response if isinstance(response, str) else _json(response)}
        if isinstance(part.get("id"), str):
            result["tool_use_id"] = part["id"]
        found.setdefault("tool_results", []).append(result)
    elif kind in _MEDIA:
        named = {name: part[name] for name in _NAMED if isinstance(part.get(name), str)}
        if named.get("uri", "").startswith("data:"):
            del named["uri"]
        found.setdefault("attachments", []).append({"type": kind, **named})
    else:
        found.setdefault("other_blocks", []).append(dict(part))


def _said(role: Role, content: str, found: Mapping[str, list[Any]]) -> str:
    said = role + "\x1f" + content.strip()
    if found:
        calls = [[call.get("id"), call.get("name")] for call in found.get("tool_calls", ())]
        results = [result.get("tool_use_id") for result in found.get("tool_results", ())]
        if beside := [*calls, *results, *found.get("attachments", ())]:
            said += f"\x1f{_json(beside)}"
    return sha256_hex(said)[:24]


def _parsed(value: object, name: str) -> object:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        # Again, for what can be mended in it, or why it cannot be read.
        pass
    try:
        return parse_json(value.encode())[0]
    except UnreadableJson as error:
        raise UnfitField(name, str(error)) from None


def _json(value: object) -> str:
    return "" if value is None else orjson.dumps(value).decode()
