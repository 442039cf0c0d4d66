"""One bubble of a chat in Cursor: what was said, thought and done."""

from collections.abc import Mapping
from typing import Any

import orjson

from aethergrid_pipelines.capture.exported import EMPTY, model_named, moment_at
from aethergrid_pipelines.capture.fields import UnfitField, json_type, parsed_text
from aethergrid_pipelines.capture.generic_message import Spoken
from aethergrid_pipelines.records.conversation import Role

_ROLES = {1: Role.USER, 2: Role.ASSISTANT}


def read_message(bubble: object, where: str, default_model: str | None) -> Spoken | str:
    """What a bubble says, or why it is skipped. ``where`` is its key, for errors.

    Raises :class:`~.fields.UnfitField`.
    """
    if not isinstance(bubble, dict):
        raise UnfitField(where, f"expected an object, not {json_type(bubble)}")
    kind = bubble.get("type")
    role = _ROLES.get(kind) if isinstance(kind, int) else None
    if role is None:
        raise UnfitField(f"{where}.type", "expected 1 (user) or 2 (assistant)")
    content = bubble.get("text")
    if content is not None and not isinstance(content, str):
        raise UnfitField(f"{where}.text", f"expected text, not {json_type(content)}")
    content = content or _code(bubble)
    metadata: dict[str, Any] = {}
    if thinking := _thinking(bubble):
        metadata["thinking"] = thinking
    _tool(bubble.get("toolFormerData"), metadata)
    if attachments := _attachments(bubble):
        metadata["attachments"] = attachments
    if not content.strip() and not metadata:
        return EMPTY
    if tokens := _tokens(bubble.get("tokenCount")):
        metadata["tokens"] = tokens
    model = (model_of(bubble.get("modelInfo")) or default_model) if role is Role.ASSISTANT else None
    return Spoken(None, moment_at(bubble, "createdAt", within=f"{where}."), role, content, model, metadata)


def model_of(value: object) -> str | None:
    """The model that a ``modelConfig`` or ``modelInfo`` names; ``default`` says nothing."""
    name = value.get("modelName") if isinstance(value, dict) else None
    return None if name == "default" else model_named(name)


def _code(bubble: Mapping[str, Any]) -> str:
    """The blocks of an answer that is nothing but code."""
    blocks = bubble.get("codeBlocks")
    texts: list[str] = []
    for block in blocks if isinstance(blocks, list) else []:
        code = block.get("content") if isinstance(block, dict) else None
        if isinstance(code, str) and code.strip():
            language = block.get("languageId")
            texts.append(f"```{language if isinstance(language, str) else ''}\n{code}\n```")
    return "\n\n".join(texts)


def _thinking(bubble: Mapping[str, Any]) -> str:
    thinking = bubble.get("thinking")
    text = thinking.get("text") if isinstance(thinking, dict) else thinking
    return text if isinstance(text, str) else ""


def _tool(data: object, metadata: dict[str, Any]) -> None:
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        return
    call: dict[str, Any] = {"name": data["name"], "input": parsed_text(data.get("rawArgs") or data.get("params"))}
    result: dict[str, Any] = {}
    if isinstance(data.get("toolCallId"), str):
        call = {"id": data["toolCallId"], **call}
        result["tool_use_id"] = data["toolCallId"]
    metadata["tool_calls"] = [call]
    metadata["tools_used"] = [data["name"]]
    said = data.get("result")
    if said:
        result["content"] = said if isinstance(said, str) else orjson.dumps(said).decode()
        if data.get("status") == "error":
            result["is_error"] = True
        metadata["tool_results"] = [result]


def _attachments(bubble: Mapping[str, Any]) -> list[dict[str, Any]]:
    images = bubble.get("images")
    named: list[dict[str, Any]] = [{"type": "image"} for _ in images] if isinstance(images, list) else []
    context = bubble.get("context")
    files = context.get("fileSelections") if isinstance(context, dict) else None
    for file in files if isinstance(files, list) else []:
        uri = file.get("uri") if isinstance(file, dict) else None
        path = uri.get("fsPath") or uri.get("path") if isinstance(uri, dict) else None
        if isinstance(path, str):
            named.append({"type": "file", "name": path})
    return named


def _tokens(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    counts = {"input": value.get("inputTokens"), "output": value.get("outputTokens")}
    return {name: count for name, count in counts.items() if isinstance(count, int) and count > 0}
