"""ChatGPT's data export: the zip archive as it is downloaded, its ``conversations.json``, or pieces of it.

The format is not published; ``docs/capture/chatgpt.md`` says what is taken from it. A record is a node of a
conversation's tree.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.branches import newest_leaf
from aethergrid_pipelines.capture.chatgpt_message import read_message
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
from aethergrid_pipelines.capture.protocol import Outcome, Skipped

_NODE = frozenset({"message", "parent", "children"})


class ChatGpt:
    """Conversations that ChatGPT exports."""

    name = "chatgpt"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Objects with a ``mapping`` of nodes, in a JSON file or an archive."""
        keys = export_keys(path, head, having="mapping")
        return any(len(key) == 3 and key[0] == "mapping" and key[2] in _NODE for key in keys)

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """Stream the outcomes. Holds one conversation of at most 64 MiB; raises ``OSError``."""
        return outcomes_of(path, space, self._conversation)

    def _conversation(self, record: Record, path: Path, space: str, modified: dt.datetime) -> Iterator[Outcome]:
        value = record.value
        mapping = value.get("mapping")
        if not isinstance(mapping, dict):
            raise UnfitField("mapping", f"expected an object, not {json_type(mapping)}")
        if not mapping:
            yield Skipped(record.number, NO_MESSAGES)
            return
        native_id = identifier_of(value, "conversation_id") or identifier_of(value, "id")
        if native_id is None:
            raise UnfitField("conversation_id", "expected the id of the conversation")
        began = moment_if_any(value, "create_time", "update_time") or modified
        conversation = conversation_of(space, self.name, native_id, value.get("title"))
        exported = Exported(conversation, path, record.number, began, record.warning)
        model = model_named(value.get("default_model_slug"))
        parents = {name: _parent(node) for name, node in mapping.items()}

        def read(name: str) -> Spoken | str:
            return read_message(mapping[name], f"mapping.{name}", model)

        yield from exported.tree(parents, _leaf(value, mapping, parents), read)


def _parent(node: object) -> str | None:
    parent = node.get("parent") if isinstance(node, dict) else None
    return parent if isinstance(parent, str) else None


def _leaf(value: Mapping[str, Any], mapping: Mapping[str, Any], parents: Mapping[str, str | None]) -> str | None:
    current = value.get("current_node")
    if isinstance(current, str) and current in mapping:
        return current
    return newest_leaf(parents, lambda name: moment_if_any(_message(mapping[name]), "create_time"))


def _message(node: object) -> object:
    return node.get("message") if isinstance(node, dict) else None
