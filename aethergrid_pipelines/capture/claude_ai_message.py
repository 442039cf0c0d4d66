"""One message of Claude.ai's export: its blocks, its older plain text, and what was attached to it."""

from collections.abc import Mapping
from typing import Any

from aethergrid_pipelines.capture.exported import EMPTY, model_named, moment_at
from aethergrid_pipelines.capture.fields import UnfitField, json_type
from aethergrid_pipelines.capture.generic_message import Spoken
from aethergrid_pipelines.records.conversation import Role

_SENDERS = {"human": Role.USER, "user": Role.USER, "assistant": Role.ASSISTANT}


def read_message(message: object, where: str, default_model: str | None) -> Spoken | str:
    """What an element of ``chat_messages`` says, or why it is skipped. ``where`` is its place, for errors.

    Raises :class:`~.fields.UnfitField`.
    """
    if not isinstance(message, dict):
        raise UnfitField(where, f"expected an object, not {json_type(message)}")
    sender = message.get("sender")
    role = _SENDERS.get(sender) if isinstance(sender, str) else None
    if role is None:
        raise UnfitField(f"{where}.sender", f"expected one of {', '.join(_SENDERS)}")
    texts, metadata = _blocks(_list(message, "content", where), where)
    if not texts:
        # `text` repeats the blocks, with remarks in place of those that an old program cannot show.
        plain = message.get("text")
        if plain is not None and not isinstance(plain, str):
            raise UnfitField(f"{where}.text", f"expected text, not {json_type(plain)}")
        texts = [plain] if plain and not metadata else []
    for attachment in _list(message, "attachments", where):
        _attach(attachment, texts, metadata)
    # `files_v2` repeats what is in `files`.
    named = dict.fromkeys(
        file["file_name"]
        for file in (*_list(message, "files", where), *_list(message, "files_v2", where))
        if isinstance(file, dict) and isinstance(file.get("file_name"), str)
    )
    if named:
        metadata.setdefault("attachments", []).extend({"type": "file", "name": name} for name in named)
    content = "\n\n".join(texts)
    if not content.strip() and not metadata:
        return EMPTY
    model = None
    if role is Role.ASSISTANT:
        model = model_named(message.get("model")) or default_model
    return Spoken(None, moment_at(message, "created_at", within=f"{where}."), role, content, model, metadata)


def _list(message: Mapping[str, Any], field: str, where: str) -> list[Any]:
    value = message.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnfitField(f"{where}.{field}", f"expected an array, not {json_type(value)}")
    return value


def _blocks(blocks: list[Any], where: str) -> tuple[list[str], dict[str, Any]]:
    """The texts, and what else is to be kept."""
    texts: list[str] = []
    found: dict[str, list[Any]] = {}
    for number, block in enumerate(blocks):
        if not isinstance(block, dict):
            raise UnfitField(f"{where}.content[{number}]", f"expected an object, not {json_type(block)}")
        kind = block.get("type")
        if not isinstance(kind, str):
            raise UnfitField(f"{where}.content[{number}].type", f"expected text, not {json_type(kind)}")
        if kind in {"text", "thinking"}:
            text = block.get(kind)
            if text is not None and not isinstance(text, str):
                raise UnfitField(f"{where}.content[{number}].{kind}", f"expected text, not {json_type(text)}")
            if text and text.strip():
                (texts if kind == "text" else found.setdefault("thinking", [])).append(text)
        elif kind == "tool_use":
            call = {name: block[name] for name in ("id", "name", "input") if block.get(name) is not None}
            found.setdefault("tool_calls", []).append(call)
        elif kind == "tool_result":
            found.setdefault("tool_results", []).append(_result(block))
        elif kind in {"image", "document"}:
            found.setdefault("attachments", []).append({"type": kind})
    metadata: dict[str, Any] = dict(found)
    if "thinking" in found:
        metadata["thinking"] = "\n\n".join(found["thinking"])
    names = [call["name"] for call in found.get("tool_calls", ()) if isinstance(call.get("name"), str)]
    if names:
        metadata["tools_used"] = list(dict.fromkeys(names))
    return texts, metadata


def _result(block: Mapping[str, Any]) -> dict[str, Any]:
    content = block.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    result: dict[str, Any] = {"content": "\n".join(text for text in texts if isinstance(text, str))}
    if isinstance(block.get("tool_use_id"), str):
        result["tool_use_id"] = block["tool_use_id"]
    if block.get("is_error") is True:
        result["is_error"] = True
    return result


def _attach(attachment: object, texts: list[str], metadata: dict[str, Any]) -> None:
    """Name an attachment; its text, which is all that is left of it, is part of what the person said. What was pasted
    has no name."""
    if not isinstance(attachment, dict):
        return
    name = attachment.get("file_name")
    known: dict[str, Any] = {"type": "file"}
    if isinstance(name, str) and name:
        known["name"] = name
    if isinstance(attachment.get("file_type"), str) and attachment["file_type"]:
        known["media_type"] = attachment["file_type"]
    metadata.setdefault("attachments", []).append(known)
    text = attachment.get("extracted_content")
    if isinstance(text, str) and text.strip():
        texts.append(f"{known['name']}:\n\n{text}" if "name" in known else text)
