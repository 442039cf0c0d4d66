"""OpenAI's Chat Completions (https://platform.openai.com/docs/api-reference/chat), also of those who imitate it."""

from collections.abc import Iterable
from typing import Any

from aethergrid_pipelines.capture.generic_message import read_message
from aethergrid_pipelines.proxy.exchange import DONE, Exchange
from aethergrid_pipelines.proxy.turn import Told, Turn
from aethergrid_pipelines.records.conversation import Role

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")


def read(exchange: Exchange, asked: dict[str, Any]) -> Told:
    """What was said. Raises ``UnfitField`` for a message that cannot be read."""
    turns = [_turn(message) for message in asked.get("messages", [])]
    system = "\n\n".join(turn.content for turn in turns if turn.role is Role.SYSTEM)
    model = asked.get("model")
    answered = _joined(exchange.events()) if exchange.streamed else exchange.answered() or {}
    choices = answered.get("choices") or [{}]
    message = choices[0].get("message") or {}
    answer = None
    if any(message.get(name) for name in (*_TEXTS, "tool_calls")):
        message = {"content": "", **{name: value for name, value in message.items() if value not in (None, [])}}
        about = {"role": "assistant", "model": answered.get("model") or model, "usage": answered.get("usage")}
        answer = _turn({**message, **about})
    spoken = [turn for turn in turns if turn.role is not Role.SYSTEM]
    return Told(spoken, answer, system or None, ended=answered.get("ended", False))


def _turn(message: dict[str, Any]) -> Turn:
    spoken = read_message(message)
    return Turn(spoken.role, spoken.content, spoken.model, spoken.metadata)


def _joined(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The chunks of a stream as the answer that would have come without streaming; of several choices the first."""
    answer: dict[str, Any] = {}
    message: dict[str, Any] = {}
    calls: dict[int, dict[str, Any]] = {}
    for event in events:
        answer.update({name: event[name] for name in ("model", "usage") if event.get(name)})
        answer["ended"] = answer.get("ended") or event.get("type") == DONE
        for choice in event.get("choices") or []:
            answer["ended"] = answer["ended"] or bool(choice.get("finish_reason"))
            if choice.get("index", 0) == 0:
                _add(message, calls, choice.get("delta") or {})
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return {**answer, "choices": [{"message": message}]}


def _add(message: dict[str, Any], calls: dict[int, dict[str, Any]], delta: dict[str, Any]) -> None:
    for name in _TEXTS:
        if isinstance(delta.get(name), str):
            message[name] = message.get(name, "") + delta[name]
    for part in delta.get("tool_calls") or []:
        call = calls.setdefault(part.get("index", 0), {"function": {"name": "", "arguments": ""}})
        if part.get("id"):
            call["id"] = part["id"]
        function = part.get("function") or {}
        for name in ("name", "arguments"):
            call["function"][name] += function.get(name) or ""
