"""Claude.ai's data export: the zip archive as it is downloaded, or its ``conversations.json``.

The format is not published; ``docs/capture/claude-ai.md`` says what is taken from it. A record is a message.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.branches import newest_leaf
from aethergrid_pipelines.capture.claude_ai_message import read_message
from aethergrid_pipelines.capture.export_file import Record, export_keys
from aethergrid_pipelines.capture.exported import (
    NO_MESSAGES,
    Exported,
    conversation_of,
    model_named,
    moment_if_any,
    outcomes_of,
)
from aethergrid_pipelines.capture.fields import UnfitField, identifier_of, json_type
from aethergrid_pipelines.capture.generic_message import Spoken
from aethergrid_pipelines.capture.protocol import Merged, Outcome, Rejected, Skipped


class ClaudeAi:
    """Conversations that Claude.ai exports."""

    name = "claude-ai"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Objects with ``chat_messages``, in a JSON file or an archive."""
        return ("chat_messages[]",) in export_keys(path, head, having="chat_messages")

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """Stream the outcomes. Holds one conversation of at most 64 MiB; raises ``OSError``."""
        return outcomes_of(path, space, self._conversation)

    def _conversation(self, record: Record, path: Path, space: str, modified: dt.datetime) -> Iterator[Outcome]:
        value, number = record.value, record.number
        listed = value.get("chat_messages")
        if not isinstance(listed, list):
            raise UnfitField("chat_messages", f"expected an array, not {json_type(listed)}")
        if not listed:
            yield Skipped(number, NO_MESSAGES)
            return
        native_id = identifier_of(value, "uuid")
        if native_id is None:
            raise UnfitField("uuid", "expected the id of the conversation")
        began = moment_if_any(value, "created_at", "updated_at") or modified
        conversation = conversation_of(space, self.name, native_id, value.get("name"))
        exported = Exported(conversation, path, number, began, record.warning)
        model = model_named(value.get("model"))
        messages: dict[str, tuple[str, object]] = {}
        for index, message in enumerate(listed):
            where = f"chat_messages[{index}]"
            name = _name(message, index)
            if name not in messages:
                messages[name] = (where, message)
            elif messages[name][1] == message:
                yield Merged(number)
            else:
                yield Rejected(number, f"{name!r} is the id of {messages[name][0]} too", f"{where}.uuid")

        def read(name: str) -> Spoken | str:
            where, message = messages[name]
            return read_message(message, where, model)

        parents = _parents(messages)
        yield from exported.tree(parents, _leaf(value, messages, parents), read)


def _name(message: object, index: int) -> str:
    uuid = message.get("uuid") if isinstance(message, dict) else None
    return uuid if isinstance(uuid, str) and uuid else f"position/{index}"


def _parents(messages: Mapping[str, tuple[str, object]]) -> dict[str, str | None]:
    """Who follows whom: as the messages say; older exports say nothing, and each follows the one before it.

    The first message of a branch names a parent that is no message.
    """
    parents: dict[str, str | None] = {}
    before: str | None = None
    for name, (_, message) in messages.items():
        parent = message.get("parent_message_uuid") if isinstance(message, dict) else None
        parents[name] = parent if isinstance(parent, str) else before
        before = name
    return parents


def _leaf(
    value: Mapping[str, Any], messages: Mapping[str, tuple[str, object]], parents: Mapping[str, str | None]
) -> str | None:
    leaf = value.get("current_leaf_message_uuid")
    if isinstance(leaf, str) and leaf in messages:
        return leaf
    return newest_leaf(parents, lambda name: moment_if_any(messages[name][1], "created_at"))
