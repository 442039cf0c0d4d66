"""Open WebUI's exports: all chats of a person or an installation, or a single one.

``docs/capture/open-webui.md`` says what is taken from them. A record is a message.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from aethergrid_pipelines.capture.branches import newest_leaf
from aethergrid_pipelines.capture.export_file import Record, export_keys
from aethergrid_pipelines.capture.exported import NO_MESSAGES, Exported, conversation_of, moment_if_any, outcomes_of
from aethergrid_pipelines.capture.fields import UnfitField, identifier_of, json_type
from aethergrid_pipelines.capture.generic_message import Spoken
from aethergrid_pipelines.capture.open_webui_message import read_message
from aethergrid_pipelines.capture.protocol import Outcome, Skipped

_BY_POSITION = "position/"


class OpenWebUi:
    """Chats that Open WebUI exports."""

    name = "open-webui"

    def recognises(self, path: Path, head: bytes) -> bool:
        """JSON objects with a ``chat`` that has messages, or, from before there was one, with their ``history``."""
        if path.suffix == ".zip":
            return False
        keys = export_keys(path, head)
        return bool(keys & {("chat", "history", "messages"), ("chat", "messages[]"), ("history", "messages")})

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """Stream the outcomes. Holds one chat of at most 64 MiB; raises ``OSError``."""
        return outcomes_of(path, space, self._conversation)

    def _conversation(self, record: Record, path: Path, space: str, modified: dt.datetime) -> Iterator[Outcome]:
        outer = record.value
        chat = outer.get("chat", outer)
        if not isinstance(chat, dict):
            raise UnfitField("chat", f"expected an object, not {json_type(chat)}")
        messages, where = _messages(chat)
        if not messages:
            yield Skipped(record.number, NO_MESSAGES)
            return
        began = moment_if_any(outer, "created_at") or moment_if_any(chat, "timestamp") or modified
        native_id = identifier_of(outer, "id") or identifier_of(chat, "id") or _unnamed(messages)
        conversation = conversation_of(space, self.name, native_id, outer.get("title") or chat.get("title"))
        exported = Exported(conversation, path, record.number, began, record.warning)

        def read(name: str) -> Spoken | str:
            return read_message(messages[name], f"{where}[{name}]")

        parents = _parents(messages)
        yield from exported.tree(parents, _leaf(chat, messages, parents), read)


def _unnamed(messages: Mapping[str, object]) -> str:
    """The id of a chat that has none: its first message's, or, where that has none either, the hash of all of them."""
    first = next(iter(messages))
    return f"message/{first}" if not first.startswith(_BY_POSITION) else sha256(orjson.dumps(messages)).hexdigest()


def _messages(chat: Mapping[str, Any]) -> tuple[dict[str, object], str]:
    """The messages by their ids, and in which field they are: the tree, else the older list, which is one branch."""
    history = chat.get("history")
    tree = history.get("messages") if isinstance(history, dict) else None
    if isinstance(tree, dict) and tree:
        return tree, "history.messages"
    listed = chat.get("messages")
    if listed is not None and not isinstance(listed, list):
        raise UnfitField("messages", f"expected an array, not {json_type(listed)}")
    found: dict[str, object] = {}
    for index, message in enumerate(listed or []):
        name = message.get("id") if isinstance(message, dict) else None
        found[name if isinstance(name, str) and name and name not in found else f"{_BY_POSITION}{index}"] = message
    return found, "messages"


def _parents(messages: Mapping[str, object]) -> dict[str, str | None]:
    parents: dict[str, str | None] = {}
    before: str | None = None
    for name, message in messages.items():
        has_parent = isinstance(message, dict) and "parentId" in message
        parent = message["parentId"] if isinstance(message, dict) and has_parent else before
        parents[name] = parent if isinstance(parent, str) else None
        before = name
    return parents


def _leaf(chat: Mapping[str, Any], messages: Mapping[str, object], parents: Mapping[str, str | None]) -> str | None:
    history = chat.get("history")
    current = history.get("currentId") if isinstance(history, dict) else None
    if isinstance(current, str) and current in messages:
        return current
    return newest_leaf(parents, lambda name: moment_if_any(messages[name], "timestamp"))
