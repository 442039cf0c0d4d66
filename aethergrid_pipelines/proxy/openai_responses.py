"""OpenAI's Responses (https://platform.openai.com/docs/api-reference/responses)."""

from collections.abc import Iterable
from typing import Any

from aethergrid_pipelines.capture.generic_message import read_message
from aethergrid_pipelines.proxy.exchange import Exchange
from aethergrid_pipelines.proxy.turn import Told, Turn
from aethergrid_pipelines.records.conversation import Role

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


def read(exchange: Exchange, asked: dict[str, Any]) -> Told:
    """What was said. Raises ``UnfitField`` for a message that cannot be read."""
    given = asked.get("input") or []
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    turns = [turn for item in items if (turn := _turn(item)) is not None]
    system = [asked["instructions"]] if isinstance(asked.get("instructions"), str) else []
    system += [turn.content for turn in turns if turn.role is Role.SYSTEM]
    answered = _joined(exchange.events()) if exchange.streamed else exchange.answered() or {}
    return Told(
        [turn for turn in turns if turn.role is not Role.SYSTEM],
        _answer(answered, asked.get("model")),
        "\n\n".join(system) or None,
        previous=asked.get("previous_response_id"),
        answer_id=answered.get("id"),
        ended=bool(answered.get("ended")),
    )


def _turn(item: dict[str, Any]) -> Turn | None:
    kind = item.get("type", "message")
    if kind == "function_call":
        return Turn(Role.ASSISTANT, "", metadata=_calls([item]))
    if kind == "function_call_output":
        content = item.get("output")
        spoken = read_message({"role": "tool", "content": content, "tool_call_id": item.get("call_id")})
    elif kind == "message" and "role" in item:
        spoken = read_message({"role": item["role"], "content": item.get("content")})
    else:
        # Reasoning and references to earlier items say nothing new.
        return None
    return Turn(spoken.role, spoken.content, metadata=spoken.metadata)


def _answer(answered: dict[str, Any], asked_model: Any) -> Turn | None:
    output = answered.get("output") or []
    messages = [item for item in output if item.get("type") == "message"]
    calls = [item for item in output if item.get("type") == "function_call"]
    if not messages and not calls:
        return None
    parts = [part for item in messages for part in item.get("content") or []]
    texts = [{"type": "text", "text": part.get("text") or part.get("refusal") or ""} for part in parts]
    about = {"model": answered.get("model") or asked_model, "usage": answered.get("usage")}
    spoken = read_message({"role": "assistant", "content": texts, **about})
    return Turn(Role.ASSISTANT, spoken.content, spoken.model, spoken.metadata | _calls(calls))


def _calls(items: list[dict[str, Any]]) -> dict[str, Any]:
    if not items:
        return {}
    read_items = [
        {"id": item.get("call_id"), "function": {"name": item.get("name"), "arguments": item.get("arguments")}}
        for item in items
    ]
    return read_message({"role": "assistant", "content": "", "tool_calls": read_items}).metadata


def _joined(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The answer that the last event repeats; where that never came, the text as far as it came."""
    texts: dict[str, str] = {}
    begun: dict[str, Any] = {}
    for event in events:
        kind = event.get("type")
        if kind in _ENDS:
            return {**(event.get("response") or {}), "ended": True}
        if kind == "response.created":
            begun = event.get("response") or {}
        elif kind == "response.output_text.delta":
            key = f"{event.get('output_index')}/{event.get('content_index')}"
            texts[key] = texts.get(key, "") + str(event.get("delta") or "")
    parts = [{"text": text} for text in texts.values()]
    return {**begun, "output": [{"type": "message", "content": parts}] if parts else []}
