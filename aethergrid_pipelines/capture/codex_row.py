"""A line of a Codex rollout: its time, its type, and what it says.

The format is not published: it follows the types ``RolloutLine`` and ``RolloutItem`` of openai/codex
(``codex-rs/history``). A line is ``{timestamp, type, payload}``; before September 2025 it was the response item itself.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aethergrid_pipelines.capture.codex_event import read_event
from aethergrid_pipelines.capture.codex_item import Form, Item, Kind
from aethergrid_pipelines.capture.codex_response import BARE_ITEMS, read_agent_message, read_response_item
from aethergrid_pipelines.capture.fields import UnfitField, json_type, text_of
from aethergrid_pipelines.capture.timestamps import parse_timestamp

HEADER = "session_meta"
CONTEXT = "turn_context"

_BOOKKEEPING = frozenset({HEADER, CONTEXT, "world_state", "token_usage_record", "retained_context", "state"}) | {
    "inter_agent_communication_metadata",
    "realtime_item",
    "rollout_reference",
    "security_risk_score",
}
TYPES = _BOOKKEEPING | {"response_item", "event_msg", "compacted", "inter_agent_communication"}
"""The types of lines that are known."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line. ``moment`` is ``None`` where it says no time; ``says`` is an item, or why there is none."""

    type: str
    payload: Mapping[str, Any]
    moment: dt.datetime | None
    says: Item | str


def read_row(value: Mapping[str, Any]) -> Row:
    """Raises :class:`UnfitField`."""
    kind, payload = _envelope(value)
    moment = None
    if value.get("timestamp") is not None:
        try:
            moment = parse_timestamp(value["timestamp"])
        except ValueError as error:
            raise UnfitField("timestamp", str(error)) from None
    return Row(kind, payload, moment, _says(kind, payload))


def _envelope(value: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    kind = value.get("type")
    if kind is None and "record_type" in value:
        return "state", value
    if kind is None and "id" in value and "timestamp" in value:
        return HEADER, value
    if not isinstance(kind, str):
        raise UnfitField("type", f"expected text, not {json_type(kind)}")
    if "payload" not in value and kind in BARE_ITEMS:
        return "response_item", value
    payload = value.get("payload")
    if not isinstance(payload, dict):
        raise UnfitField("payload", f"expected an object, not {json_type(payload)}")
    return kind, payload


def _says(kind: str, payload: Mapping[str, Any]) -> Item | str:
    if kind == "response_item":
        return read_response_item(payload)
    if kind == "event_msg":
        return read_event(payload)
    if kind == "compacted":
        summary = text_of(payload, "message")
        return Item(Kind.SUMMARY, texts=[summary]) if summary else "compacted without a readable summary"
    if kind == "inter_agent_communication":
        return read_agent_message(payload, Form.EVENT)
    return kind if kind in _BOOKKEEPING else f"unknown type {kind[:40]}"
