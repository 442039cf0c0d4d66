"""The content of a message as Gemini's API writes it: text, or parts (``PartListUnion`` in @google/genai)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from aethergrid_pipelines.capture.fields import UnfitField, json_type

# What the CLI puts before or beside the words of a person.
_CONTEXT = ("<session_context>", "<hook_context>")


@dataclass(slots=True)
class Parts:
    """What a content is made of. ``context`` was put there by the CLI; ``other`` is of an unknown kind."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    context: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    other: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The words."""
        return "\n\n".join(text for text in self.texts if text)

    def metadata(self) -> dict[str, Any]:
        """What is not words, under the names that all sources use."""
        found = {
            "thinking": "\n\n".join(self.thoughts),
            "context": self.context,
            "tool_calls": self.calls,
            "tool_results": self.results,
            "attachments": self.attachments,
            "other_blocks": self.other,
        }
        return {name: value for name, value in found.items() if value}


def parts_of(content: object, where: str) -> Parts:
    """Raises :class:`UnfitField` that begins with ``where``."""
    parts = Parts()
    for number, part in enumerate(content if isinstance(content, list) else [content]):
        if isinstance(part, str):
            _add_text(parts, part)
        elif isinstance(part, dict):
            _add(parts, part)
        else:
            field_name = f"{where}[{number}]" if isinstance(content, list) else where
            raise UnfitField(field_name, f"expected text or a part, not {json_type(part)}")
    return parts


def result_text(response: object) -> tuple[str, bool]:
    """The text of a function's response, and whether it is an error."""
    if not isinstance(response, dict):
        return ("" if response is None else _as_text(response)), False
    for name in ("output", "error"):
        if name in response:
            return _as_text(response[name]), name == "error"
    return _as_text(response), False


def _add(parts: Parts, part: Mapping[str, Any]) -> None:
    text = part.get("text")
    if isinstance(text, str):
        if part.get("thought") is True:
            parts.thoughts.append(text)
        else:
            _add_text(parts, text)
    elif isinstance(call := part.get("functionCall"), dict):
        known = {"id": call.get("id"), "name": call.get("name"), "input": call.get("args")}
        parts.calls.append({name: value for name, value in known.items() if value is not None})
    elif isinstance(response := part.get("functionResponse"), dict):
        parts.results.append(_result(response))
    elif isinstance(data := part.get("inlineData", part.get("fileData")), dict):
        known = {"type": "file", "media_type": data.get("mimeType"), "url": data.get("fileUri")}
        parts.attachments.append({name: value for name, value in known.items() if isinstance(value, str)})
    elif part:
        parts.other.append(dict(part))


def _add_text(parts: Parts, text: str) -> None:
    (parts.context if text.lstrip().startswith(_CONTEXT) else parts.texts).append(text)


def _result(response: Mapping[str, Any]) -> dict[str, Any]:
    content, failed = result_text(response.get("response"))
    result: dict[str, Any] = {"content": content}
    if isinstance(response.get("id"), str):
        result["tool_use_id"] = response["id"]
    if isinstance(response.get("name"), str):
        result["name"] = response["name"]
    if failed:
        result["is_error"] = True
    return result


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
