"""One turn of a Claude Code transcript: the rows that make it up, merged into a message.

A response spans several rows that share ``message.id``; each brings further content blocks, or a longer snapshot of
blocks that are already there, with growing usage.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aethergrid_pipelines.capture.fields import UnfitField, json_type
from aethergrid_pipelines.capture.protocol import Captured
from aethergrid_pipelines.capture.timestamps import parse_timestamp
from aethergrid_pipelines.records.conversation import Conversation, Message, Origin, Role
from aethergrid_pipelines.records.ids import message_id

Block = dict[str, Any]

# The text of a block is in the field of the same name: {"type": "text", "text": …}, {"type": "thinking", …}.
_GROWING = ("text", "thinking")
_USAGE = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
}
_ENVELOPE = {"cwd": "cwd", "gitBranch": "git_branch", "version": "version"}


class Part(NamedTuple):
    """A row, when it was written and the content blocks of its message."""

    row: Mapping[str, Any]
    moment: dt.datetime
    blocks: list[Block]


@dataclass(slots=True)
class Turn:
    """What is known so far of a message. ``rows`` are the (uuid, offset) of the rows it was read from."""

    native_id: str
    line: int
    first: Part
    blocks: list[Block] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    rows: list[tuple[str | None, int]] = field(default_factory=list)
    warning: str | None = None
    forked_from: str | None = None

    def add(self, part: Part) -> None:
        """Merge the content blocks and the usage of a further row."""
        earlier = len(self.blocks)
        for block in part.blocks:
            _merge(self.blocks, earlier, block)
        usage = part.row["message"].get("usage")
        if isinstance(usage, dict):
            for name, key in _USAGE.items():
                value = usage.get(key)
                if isinstance(value, int) and value:
                    self.tokens[name] = max(value, self.tokens.get(name, 0))

    def captured(self, path: Path, conversation: Conversation) -> Captured:
        """The turn as a message of ``conversation`` (which may have got a title since)."""
        row = self.first.row
        content, metadata = _content(self.blocks, row["type"] == "user")
        results = metadata.get("tool_results")
        role = Role.ASSISTANT if row["type"] == "assistant" else Role.USER
        if role is Role.USER and results and not any(block.get("type") == "text" for block in self.blocks):
            role = Role.TOOL
            content = "\n\n".join(result.pop("content") for result in results)
        for key, name in _ENVELOPE.items():
            value = row.get(key)
            if isinstance(value, str):
                metadata[name] = value
        if self.tokens:
            metadata["tokens"] = self.tokens
        if row.get("isCompactSummary") is True:
            metadata["compact_summary"] = True
        if row.get("isSidechain") is True:
            metadata["sidechain"] = True
        if self.forked_from:
            metadata["forked_from"] = self.forked_from
        model = row["message"].get("model")
        message = Message(
            id=message_id(conversation.id, self.native_id),
            conversation_id=conversation.id,
            native_id=self.native_id,
            timestamp=self.first.moment,
            role=role,
            content=content,
            model=model if isinstance(model, str) else None,
            position=self.line,
            metadata=metadata,
            origin=Origin(path=str(path), line=self.line),
        )
        return Captured(conversation, message, self.warning)


def part_of(row: Mapping[str, Any]) -> Part:
    """A row that was read before. Raises :class:`UnfitField`."""
    return Part(row, moment_of(row), blocks_of(row["message"]))


def moment_of(row: Mapping[str, Any]) -> dt.datetime:
    """The timestamp of a row. Raises :class:`UnfitField`."""
    try:
        return parse_timestamp(row.get("timestamp"))
    except ValueError as error:
        raise UnfitField("timestamp", str(error)) from None


def blocks_of(message: Mapping[str, Any]) -> list[Block]:
    """The content of a message as a list of blocks. Raises :class:`UnfitField`."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise UnfitField("message.content", f"expected text or an array of blocks, not {json_type(content)}")
    for number, block in enumerate(content):
        if not isinstance(block, dict):
            raise UnfitField(f"message.content[{number}]", f"expected an object, not {json_type(block)}")
        for name in _GROWING:
            if block.get("type") == name and not isinstance(block.get(name, ""), str):
                raise UnfitField(f"message.content[{number}].{name}", f"expected text, not {json_type(block[name])}")
    return content


def _merge(blocks: list[Block], earlier: int, new: Block) -> None:
    # Only blocks of earlier rows can be snapshots of this one: what stands twice in one row was said twice.
    kind = new.get("type")
    for index, old in enumerate(blocks[:earlier]):
        if old.get("type") != kind:
            continue
        if kind in _GROWING:
            before, now = old.get(kind, ""), new.get(kind, "")
            same = before.startswith(now)
            if same or now.startswith(before):
                blocks[index] = old if same else new
                return
        elif (kind == "tool_use" and "id" in new and old.get("id") == new["id"]) or old == new:
            blocks[index] = new
            return
    blocks.append(new)


def _content(blocks: list[Block], is_user: bool) -> tuple[str, dict[str, Any]]:
    if len(blocks) == 1 and blocks[0].get("type") == "text":
        return blocks[0].get("text", ""), {}
    texts: list[str] = []
    found: dict[str, list[Any]] = {}
    for block in blocks:
        kind = block.get("type")
        if kind == "text":
            texts.append(block.get("text", ""))
        elif kind == "thinking":
            found.setdefault("thinking", []).append(block.get("thinking", ""))
        elif kind == "tool_use" and not is_user:
            call = {name: block[name] for name in ("id", "name", "input") if name in block}
            found.setdefault("tool_calls", []).append(call)
        elif kind == "tool_result":
            found.setdefault("tool_results", []).append(_result(block))
        elif kind == "redacted_thinking":
            found.setdefault("other_blocks", []).append({"type": kind})
        elif kind in {"image", "document"}:
            found.setdefault("attachments", []).append(_attachment(block))
        else:
            found.setdefault("other_blocks", []).append(block)
    metadata: dict[str, Any] = dict(found)
    if "thinking" in found:
        metadata["thinking"] = "\n\n".join(found["thinking"])
    names = [call["name"] for call in found.get("tool_calls", ()) if isinstance(call.get("name"), str)]
    if names:
        metadata["tools_used"] = list(dict.fromkeys(names))
    return "\n\n".join(text for text in texts if text), metadata


def _result(block: Block) -> dict[str, Any]:
    content = block.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    result: dict[str, Any] = {"content": "\n".join(text for text in texts if isinstance(text, str))}
    attachments = [_attachment(part) for part in parts if isinstance(part, dict) and part.get("type") != "text"]
    if attachments:
        result["attachments"] = attachments
    if isinstance(block.get("tool_use_id"), str):
        result["tool_use_id"] = block["tool_use_id"]
    if block.get("is_error") is True:
        result["is_error"] = True
    return result


def _attachment(block: Block) -> dict[str, Any]:
    source = block.get("source")
    known = {"type": str(block.get("type"))}
    if isinstance(source, dict):
        known.update({name: source[name] for name in ("media_type", "url") if isinstance(source.get(name), str)})
    return known
