"""One node of a conversation in ChatGPT's export: from its content, which has a shape for each type, to a message."""

from collections.abc import Mapping
from typing import Any

import orjson

from aethergrid_pipelines.capture.exported import EMPTY, model_named, moment_at
from aethergrid_pipelines.capture.fields import UnfitField, json_type
from aethergrid_pipelines.capture.generic_message import Spoken
from aethergrid_pipelines.records.conversation import Role

_ROLES = {role.value: role for role in Role}
# What ChatGPT tells its model about a person, and how long it thought: nothing that was said.
_SKIPPED = {
    "user_editable_context": "custom instructions",
    "model_editable_context": "memory of the model",
    "reasoning_recap": "reasoning recap",
}
_KNOWN = frozenset(
    {"text", "multimodal_text", "code", "thoughts", "execution_output", "tether_quote", "tether_browsing_display"}
    | {"system_error"}
)
# Where the text of a type is, where it is not in ``parts``.
_TEXTS = ("text", "result", "content", "summary")


def read_message(node: object, where: str, default_model: str | None) -> Spoken | str:
    """What a node of ``mapping`` says, or why it is skipped. ``where`` is its place, for errors.

    Raises :class:`~.fields.UnfitField`.
    """
    if not isinstance(node, dict):
        raise UnfitField(where, f"expected an object, not {json_type(node)}")
    message = node.get("message")
    if message is None:
        return "node without a message"
    where += ".message"
    if not isinstance(message, dict):
        raise UnfitField(where, f"expected an object, not {json_type(message)}")
    metadata, author, content = (_object(message, field, where) for field in ("metadata", "author", "content"))
    if metadata.get("is_visually_hidden_from_conversation") is True:
        return "hidden message"
    role = _ROLES.get(author["role"]) if isinstance(author.get("role"), str) else None
    if role is None:
        raise UnfitField(f"{where}.author.role", f"expected one of {', '.join(_ROLES)}")
    kind = content.get("content_type") or "text"
    if not isinstance(kind, str):
        raise UnfitField(f"{where}.content.content_type", f"expected text, not {json_type(kind)}")
    if kind in _SKIPPED:
        return _SKIPPED[kind]
    said, found = _content(content, kind, where)
    _attached(metadata, found)
    recipient = message.get("recipient")
    if role is Role.ASSISTANT and isinstance(recipient, str) and recipient not in {"", "all"}:
        found["tool_calls"] = [{"name": recipient, "input": _arguments(said)}]
        found["tools_used"] = [recipient]
        said = ""
    elif kind == "code" and said:
        said = _fenced(said, content.get("language"))
    if not said and not found:
        return EMPTY if kind in _KNOWN else f"unknown content type {kind[:40]}"
    if role is Role.TOOL and isinstance(author.get("name"), str):
        found["name"] = author["name"]
    model = model_named(metadata.get("model_slug"))
    if role is Role.ASSISTANT:
        model = model or default_model
    return Spoken(None, moment_at(message, "create_time", within=f"{where}."), role, said, model, found)


def _object(message: Mapping[str, Any], field: str, where: str) -> dict[str, Any]:
    value = message.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnfitField(f"{where}.{field}", f"expected an object, not {json_type(value)}")
    return value


def _content(content: Mapping[str, Any], kind: str, where: str) -> tuple[str, dict[str, Any]]:
    """The text, and what else is to be kept."""
    if kind == "thoughts":
        thinking = _thinking(content.get("thoughts"))
        return "", {"thinking": thinking} if thinking else {}
    parts = content.get("parts")
    if parts is not None:
        if not isinstance(parts, list):
            raise UnfitField(f"{where}.content.parts", f"expected an array, not {json_type(parts)}")
        return _parts(parts, where)
    for field in _TEXTS:
        text = content.get(field)
        if isinstance(text, str) and text:
            heading = content.get("title") or content.get("name") if kind != "code" else None
            return (f"{heading}\n\n{text}" if isinstance(heading, str) and heading else text), {}
        if text is not None and not isinstance(text, str):
            raise UnfitField(f"{where}.content.{field}", f"expected text, not {json_type(text)}")
    return "", {}


def _parts(parts: list[Any], where: str) -> tuple[str, dict[str, Any]]:
    texts: list[str] = []
    attachments: list[dict[str, Any]] = []
    for number, part in enumerate(parts):
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            texts.append(text)
        elif isinstance(part, dict):
            attachments.append(_asset(part))
        elif part is not None:
            raise UnfitField(f"{where}.content.parts[{number}]", f"expected text or an object, not {json_type(part)}")
    said = "\n\n".join(text for text in texts if text.strip())
    return said, {"attachments": attachments} if attachments else {}


def _asset(part: Mapping[str, Any]) -> dict[str, Any]:
    """The type and name of a picture or recording: ``image_asset_pointer`` and ``file-service://file-4711``."""
    known: dict[str, Any] = {"type": str(part.get("content_type", "other")).removesuffix("_asset_pointer")}
    pointer = part.get("asset_pointer")
    if isinstance(pointer, str):
        known["id"] = pointer.rsplit("://", 1)[-1]
    return known


def _attached(metadata: Mapping[str, Any], found: dict[str, Any]) -> None:
    """Name the files of a message; a picture is both in its content and among its files, and counts once."""
    files = metadata.get("attachments")
    for file in files if isinstance(files, list) else []:
        if not isinstance(file, dict):
            continue
        named = {
            name: file[field]
            for field, name in (("id", "id"), ("name", "name"), ("mime_type", "media_type"), ("mimeType", "media_type"))
            if isinstance(file.get(field), str)
        }
        attachments = found.setdefault("attachments", [])
        same = next((known for known in attachments if named.get("id") and known.get("id") == named["id"]), None)
        if same is None:
            attachments.append({"type": "file", **named})
        else:
            same.update(named)


def _thinking(thoughts: object) -> str:
    texts: list[str] = []
    for thought in thoughts if isinstance(thoughts, list) else []:
        fields = [thought.get("summary"), thought.get("content")] if isinstance(thought, dict) else [thought]
        texts += [field for field in fields if isinstance(field, str) and field.strip()]
    return "\n\n".join(texts)


def _arguments(said: str) -> object:
    try:
        return orjson.loads(said)
    except orjson.JSONDecodeError:
        return said


def _fenced(code: str, language: object) -> str:
    name = language if isinstance(language, str) and language != "unknown" else ""
    fence = "````" if "```" in code else "```"
    return f"{fence}{name}\n{code}\n{fence}"
