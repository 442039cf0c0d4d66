"""Response items of a Codex rollout: what went to the model and came back (``ResponseItem`` in codex-rs/protocol)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from aethergrid_pipelines.capture.codex_item import Form, Item, Kind, content_of
from aethergrid_pipelines.capture.codex_tools import CALLS, RESULTS, read_call, read_result
from aethergrid_pipelines.capture.fields import UnfitField, json_type, name_in, text_of

# What Codex tells the model in the name of the user.
_CONTEXT = re.compile(
    r"\s*(?:<(?:environment_context|user_instructions|permissions instructions|turn_aborted|subagent_notification"
    r"|skills?|skills_instructions|apps_instructions|plugins_instructions|collaboration_mode|model_switch"
    r"|personality_spec|INSTRUCTIONS|codex_internal_context)\b|# AGENTS\.md instructions)"
)
_BOOKKEEPING = frozenset({"additional_tools", "compaction", "compaction_summary", "compaction_trigger"}) | {
    "context_compaction",
    "ghost_snapshot",
}
BARE_ITEMS = frozenset({"message", "reasoning"}) | CALLS | RESULTS
"""The items that stood in a line by themselves before September 2025."""


def read_response_item(payload: Mapping[str, Any]) -> Item | str:
    """What an item says, or why it says nothing. Raises :class:`UnfitField`."""
    kind = payload.get("type")
    if not isinstance(kind, str):
        raise UnfitField("payload.type", f"expected text, not {json_type(kind)}")
    if kind in _READERS:
        return _READERS[kind](payload)
    return kind if kind in _BOOKKEEPING else f"unknown item {kind[:40]}"


def read_agent_message(payload: Mapping[str, Any], form: Form = Form.ITEM) -> Item | str:
    """What another agent told this one. Raises :class:`UnfitField`."""
    texts, metadata = content_of(payload.get("content"))
    if author := text_of(payload, "author"):
        metadata["name"] = author
    return Item(Kind.AGENT, form, texts, metadata) if texts else "message without readable content"


def _message(payload: Mapping[str, Any]) -> Item | str:
    role = name_in(payload, "role")
    if role in {"developer", "system"}:
        return "instructions"
    if role not in {"user", "assistant"}:
        raise UnfitField("payload.role", "expected user, assistant, developer or system")
    texts, metadata = content_of(payload.get("content"))
    if role == "assistant":
        return Item(Kind.ASSISTANT, texts=texts, metadata=metadata)
    said = [text for text in texts if not _CONTEXT.match(text)]
    context = [text for text in texts if _CONTEXT.match(text)]
    if context and not said and not metadata:
        return "context for the model"
    if context:
        metadata["context"] = context
    return Item(Kind.USER, texts=said, metadata=metadata)


def _reasoning(payload: Mapping[str, Any]) -> Item:
    return Item(Kind.THOUGHT, texts=[*_texts(payload.get("summary")), *_texts(payload.get("content"))])


def _call(payload: Mapping[str, Any]) -> Item:
    call, attachments = read_call(payload)
    metadata: dict[str, Any] = {"tool_calls": [call], **attachments}
    return Item(Kind.CALL, metadata=metadata, call_id=call.get("id"))


def _result(payload: Mapping[str, Any]) -> Item:
    content, result = read_result(payload)
    return Item(Kind.RESULT, texts=[content], metadata=result, call_id=result.get("tool_use_id"))


def _texts(parts: object) -> list[str]:
    if not isinstance(parts, list):
        return []
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return [text for text in texts if isinstance(text, str) and text]


_READERS: dict[str, Callable[[Mapping[str, Any]], Item | str]] = {
    "message": _message,
    "reasoning": _reasoning,
    "agent_message": read_agent_message,
    **dict.fromkeys(CALLS, _call),
    **dict.fromkeys(RESULTS, _result),
}
