"""One message of an Open WebUI chat: its text, and the thinking and tool calls that are written into it as HTML."""

import html
import re
from collections.abc import Mapping
from typing import Any

import orjson

from aethergrid_pipelines.capture.exported import EMPTY, model_named, moment_at
from aethergrid_pipelines.capture.fields import UnfitField, json_type
from aethergrid_pipelines.capture.generic_message import Spoken
from aethergrid_pipelines.records.conversation import Role

_ROLES = {role.value: role for role in Role}
# As the server's middleware writes them; people fold text away with <details> too, but without these types.
_DETAILS = re.compile(
    r'<details type="(reasoning|tool_calls)"([^>]*)>\s*(?:<summary>.*?</summary>)?(.*?)</details>\n?', re.DOTALL
)
_ATTRIBUTE = re.compile(r'([a-z]+)="([^"]*)"')
_QUOTE = re.compile(r"^> ?", re.MULTILINE)
# OpenAI's names, Anthropic's, Ollama's.
_USAGE = {
    "input": ("prompt_tokens", "input_tokens", "prompt_eval_count"),
    "output": ("completion_tokens", "output_tokens", "eval_count"),
}


def read_message(message: object, where: str) -> Spoken | str:
    """What a message of a chat says, or why it is skipped. ``where`` is its place, for errors.

    Raises :class:`~.fields.UnfitField`.
    """
    if not isinstance(message, dict):
        raise UnfitField(where, f"expected an object, not {json_type(message)}")
    name = message.get("role")
    role = _ROLES.get(name) if isinstance(name, str) else None
    if role is None:
        raise UnfitField(f"{where}.role", f"expected one of {', '.join(_ROLES)}")
    content, metadata = _content(message.get("content"), where)
    if role is Role.ASSISTANT:
        content = _DETAILS.sub(lambda block: _taken_out(block, metadata), content).strip("\n")
    if tokens := _tokens(message):
        metadata["tokens"] = tokens
    for file in (*_list(message, "files"), *_list(message, "images")):
        metadata.setdefault("attachments", []).append(_named(file))
    if not content.strip() and not metadata.keys() - {"tokens"}:
        return "failed answer" if message.get("error") else EMPTY
    model = model_named(message.get("model")) if role is Role.ASSISTANT else None
    return Spoken(None, moment_at(message, "timestamp", within=f"{where}."), role, content, model, metadata)


def _content(content: object, where: str) -> tuple[str, dict[str, Any]]:
    """The text, and the names of pictures, of text or of OpenAI's list of parts."""
    if content is None or isinstance(content, str):
        return content or "", {}
    if not isinstance(content, list):
        raise UnfitField(f"{where}.content", f"expected text or an array of parts, not {json_type(content)}")
    texts: list[str] = []
    others: list[dict[str, Any]] = []
    for number, part in enumerate(content):
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            texts.append(text)
        elif isinstance(part, dict):
            others.append({"type": str(part.get("type", "other"))})
        else:
            raise UnfitField(f"{where}.content[{number}]", f"expected text or an object, not {json_type(part)}")
    return "\n\n".join(texts), {"attachments": others} if others else {}


def _taken_out(block: re.Match[str], metadata: dict[str, Any]) -> str:
    if block[1] == "reasoning":
        thinking = _QUOTE.sub("", html.unescape(block[3]).strip())
        if thinking:
            metadata["thinking"] = "\n\n".join(filter(None, (metadata.get("thinking"), thinking)))
        return ""
    attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(block[2])}
    call: dict[str, Any] = {field: attributes[field] for field in ("id", "name") if attributes.get(field)}
    call["input"] = _parsed(attributes.get("arguments", ""))
    metadata.setdefault("tool_calls", []).append(call)
    if "name" in call and call["name"] not in metadata.setdefault("tools_used", []):
        metadata["tools_used"].append(call["name"])
    # Older versions write the result as an attribute, newer ones as the body.
    result = _parsed(attributes.get("result") or html.unescape(block[3]).strip())
    if result:
        said = result if isinstance(result, str) else orjson.dumps(result).decode()
        known = {"content": said, "tool_use_id": call["id"]} if "id" in call else {"content": said}
        metadata.setdefault("tool_results", []).append(known)
    return ""


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _tokens(message: Mapping[str, Any]) -> dict[str, int]:
    usage = message.get("usage") or message.get("info")
    if not isinstance(usage, dict):
        return {}
    counts = {
        name: next((usage[field] for field in fields if isinstance(usage.get(field), int)), 0)
        for name, fields in _USAGE.items()
    }
    return {name: count for name, count in counts.items() if count}


def _list(message: Mapping[str, Any], field: str) -> list[Any]:
    value = message.get(field)
    return value if isinstance(value, list) else []


def _named(file: object) -> dict[str, Any]:
    """The type and name of a file, never its data (pictures are data URLs)."""
    if not isinstance(file, dict):
        return {"type": "image"}
    return {field: file[field] for field in ("type", "id", "name") if isinstance(file.get(field), str)}
