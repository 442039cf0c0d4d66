"""Events of a Codex rollout: what its screen showed (``EventMsg`` in codex-rs/protocol)."""

from collections.abc import Callable, Mapping
from typing import Any

from aethergrid_pipelines.capture.codex_item import Form, Item, Kind, content_of
from aethergrid_pipelines.capture.fields import UnfitField, json_type, text_of

# A plan has no form but this one.
_COMPLETED = {"UserMessage": Kind.USER, "AgentMessage": Kind.ASSISTANT, "Plan": Kind.ASSISTANT}


def read_event(payload: Mapping[str, Any]) -> Item | str:
    """What an event says, or why it says nothing. Raises :class:`UnfitField`."""
    kind = payload.get("type")
    if not isinstance(kind, str):
        raise UnfitField("payload.type", f"expected text, not {json_type(kind)}")
    item = _READERS[kind](payload) if kind in _READERS else None
    return f"event {kind[:40]}" if item is None else item


def _user_message(payload: Mapping[str, Any]) -> Item | None:
    shown = [payload.get(name) for name in ("images", "local_images")]
    pictures = [{"type": "image"} for images in shown if isinstance(images, list) for _ in images]
    said = text_of(payload, "message")
    if said is None and not pictures:
        return None
    metadata = {"attachments": pictures} if pictures else {}
    return Item(Kind.USER, Form.EVENT, [said] if said else [], metadata)


def _agent_message(payload: Mapping[str, Any]) -> Item | None:
    said = text_of(payload, "message")
    return Item(Kind.ASSISTANT, Form.EVENT, [said]) if said else None


def _reasoning(payload: Mapping[str, Any]) -> Item | None:
    thought = text_of(payload, "text")
    return Item(Kind.THOUGHT, Form.EVENT, [thought]) if thought else None


def _completed(payload: Mapping[str, Any]) -> Item | str:
    item = payload.get("item")
    if not isinstance(item, dict):
        raise UnfitField("payload.item", f"expected an object, not {json_type(item)}")
    kind = item.get("type")
    if not isinstance(kind, str) or kind not in _COMPLETED:
        return f"event item_completed {kind if isinstance(kind, str) else 'other'}"[:60]
    texts, metadata = content_of(item.get("content", item.get("text")))
    return Item(_COMPLETED[kind], Form.COMPLETED, texts, metadata)


def _token_count(payload: Mapping[str, Any]) -> Item | None:
    info = payload.get("info")
    usage = info.get("last_token_usage") if isinstance(info, dict) else None
    if not isinstance(usage, dict):
        return None
    counts = {name: value for name, value in usage.items() if isinstance(value, int)}
    # Codex counts cached input within the input; with Anthropic, and hence here, it stands apart.
    cached = counts.get("cached_input_tokens", 0)
    found = {
        "input": counts.get("input_tokens", 0) - cached,
        "output": counts.get("output_tokens", 0),
        "cache_read": cached,
        "thinking": counts.get("reasoning_output_tokens", 0),
    }
    tokens = {name: value for name, value in found.items() if value > 0}
    return Item(Kind.USAGE, metadata={"tokens": tokens}) if tokens else None


def _title(payload: Mapping[str, Any]) -> Item | None:
    title = text_of(payload, "thread_name")
    return Item(Kind.TITLE, texts=[title]) if title else None


def _rollback(payload: Mapping[str, Any]) -> Item:
    turns = payload.get("num_turns")
    if not isinstance(turns, int) or isinstance(turns, bool) or turns < 0:
        raise UnfitField("payload.num_turns", "expected a number of turns")
    return Item(Kind.ROLLBACK, turns=turns)


_READERS: dict[str, Callable[[Mapping[str, Any]], Item | str | None]] = {
    "user_message": _user_message,
    "agent_message": _agent_message,
    "agent_reasoning": _reasoning,
    "agent_reasoning_raw_content": _reasoning,
    "item_completed": _completed,
    "token_count": _token_count,
    "thread_name_updated": _title,
    "thread_rolled_back": _rollback,
}
