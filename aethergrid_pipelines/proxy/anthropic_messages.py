"""Anthropic's Messages (https://docs.anthropic.com/en/api/messages)."""

import json
from collections.abc import Iterable
from typing import Any

from aethergrid_pipelines.capture.fields import UnfitField, json_type
from aethergrid_pipelines.capture.generic_message import read_message
from aethergrid_pipelines.proxy.exchange import Exchange
from aethergrid_pipelines.proxy.turn import Told, Turn
from aethergrid_pipelines.records.conversation import Role

Block = dict[str, Any]

_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "json"}


def read(exchange: Exchange, asked: dict[str, Any]) -> Told:
    """What was said. Raises ``UnfitField`` for a message that cannot be read."""
    turns = [turn for message in asked.get("messages", []) for turn in turns_of(message)]
    system = _turn(Role.SYSTEM, _blocks(asked.get("system") or "")).content
    answered = _joined(exchange.events()) if exchange.streamed else exchange.answered() or {}
    blocks = _blocks(answered.get("content") or [])
    answer = None
    if blocks:
        answer = _turn(Role.ASSISTANT, blocks, model=answered.get("model") or asked.get("model"))
        usage = read_message({"role": "assistant", "content": "", "usage": answered.get("usage")}).metadata
        answer.metadata |= usage
    return Told(turns, answer, system or None, ended=bool(answered.get("ended")))


def turns_of(message: dict[str, Any]) -> list[Turn]:
    """A message as turns: results of tools stand in the messages of users, and are turns of their own. Raises
    ``UnfitField``."""
    blocks = _blocks(message.get("content"))
    if message.get("role") != "user":
        return [_turn(Role.ASSISTANT, blocks)]
    turns = []
    for block in blocks:
        if block.get("type") == "tool_result":
            turn = _turn(Role.TOOL, _blocks(block.get("content") or ""))
            turn.metadata["tool_call_id"] = block.get("tool_use_id")
            turns.append(turn)
    said = [block for block in blocks if block.get("type") != "tool_result"]
    return [*turns, _turn(Role.USER, said)] if said else turns


def _blocks(content: object) -> list[Block]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise UnfitField("content", f"expected text or an array of blocks, not {json_type(content)}")
    return [block for block in content if isinstance(block, dict)]


def _turn(role: Role, blocks: list[Block], model: str | None = None) -> Turn:
    calls = [
        {"id": block.get("id"), "name": block.get("name"), "input": block.get("input")}
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    thinking = "\n\n".join(str(block.get("thinking")) for block in blocks if block.get("type") == "thinking")
    skipped = {"tool_use", "thinking", "redacted_thinking"}
    parts = [block for block in blocks if block.get("type") not in skipped]
    spoken = read_message(
        {"role": role.value, "content": parts, "model": model, "tool_calls": calls, "thinking": thinking}
    )
    return Turn(role, spoken.content, spoken.model, spoken.metadata)


def _joined(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The events of a stream as the message that would have come without streaming, as far as it came."""
    message: dict[str, Any] = {}
    blocks: dict[int, Block] = {}
    for event in events:
        kind = event.get("type")
        if kind == "message_start":
            message = dict(event.get("message") or {})
        elif kind == "content_block_start":
            blocks[event.get("index", 0)] = dict(event.get("content_block") or {})
        elif kind == "content_block_delta":
            _grow(blocks.setdefault(event.get("index", 0), {"type": "text"}), event.get("delta") or {})
        elif kind == "message_stop":
            message["ended"] = True
        elif kind == "message_delta" and isinstance(event.get("usage"), dict):
            message["usage"] = {**(message.get("usage") or {}), **event["usage"]}
    for block in blocks.values():
        if "json" in block:
            block["input"] = _input(block.pop("json"))
    return {**message, "content": [blocks[index] for index in sorted(blocks)]}


def _grow(block: Block, delta: dict[str, Any]) -> None:
    name = _GROWING.get(str(delta.get("type")))
    if name is not None:
        block[name] = block.get(name, "") + str(delta.get("partial_json" if name == "json" else name) or "")


def _input(raw: str) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        # A stream that broke off.
        return raw
