"""Cursor's chats: ``state.vscdb``, the SQLite database in which the editor keeps them.

The format is not published; ``docs/capture/cursor.md`` says what is taken from it. A record is a bubble, as Cursor
calls a message.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.cursor_message import model_of, read_message
from aethergrid_pipelines.capture.cursor_rows import CursorRows, open_rows
from aethergrid_pipelines.capture.exported import NO_MESSAGES, Exported, conversation_of, modified_at, moment_if_any
from aethergrid_pipelines.capture.fields import UnfitField, json_type
from aethergrid_pipelines.capture.json_records import BrokenExport
from aethergrid_pipelines.capture.jsonl import UnreadableJson, parse_json
from aethergrid_pipelines.capture.protocol import Outcome, Rejected, Skipped

_SQLITE = b"SQLite format 3\x00"
_COMPOSER = "composerData:"
_BUBBLE = "bubbleId:"
GONE = "message of a deleted conversation"
UNREADABLE = "message of an unreadable conversation"
NO_ROW = "message without content"


class Cursor:
    """Chats that the editor Cursor keeps."""

    name = "cursor"

    def recognises(self, path: Path, head: bytes) -> bool:
        """A database of VS Code's kind that has Cursor's table."""
        if ".vscdb" not in path.suffixes or not head.startswith(_SQLITE):
            return False
        try:
            with open_rows(path) as rows:
                return rows.has_table()
        except BrokenExport:
            # What else is called so and begins so: reading it says what is wrong.
            return True

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """Stream the outcomes. Holds one bubble, the ids of a conversation's, and some 100 bytes a conversation;
        raises ``OSError``."""
        modified = modified_at(path)
        with open_rows(path) as rows:
            yield from _Database(rows, path, self.name, space, modified).outcomes()


class _Database:
    def __init__(self, rows: CursorRows, path: Path, source: str, space: str, modified: dt.datetime) -> None:
        self._rows = rows
        self._path = path
        self._source = source
        self._space = space
        self._modified = modified
        self._number = 0

    def outcomes(self) -> Iterator[Outcome]:
        known: set[str] = set()
        unreadable: set[str] = set()
        for key in self._rows.keys(_COMPOSER):
            composer = key.removeprefix(_COMPOSER)
            try:
                value, warning = self._json(key)
                if value is None:
                    yield Skipped(self._next(), NO_MESSAGES)
                    continue
                known.add(composer)
                yield from self._conversation(composer, value, warning)
            except UnfitField as error:
                unreadable.add(composer)
                yield Rejected(self._next(), error.reason, error.field)
        for key in self._rows.keys(_BUBBLE):
            composer = key.split(":")[1]
            if composer in unreadable:
                yield Skipped(self._next(), UNREADABLE)
            elif composer not in known:
                yield Skipped(self._next(), GONE)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _conversation(self, composer: str, value: object, warning: str | None) -> Iterator[Outcome]:
        key = f"{_COMPOSER}{composer}"
        if not isinstance(value, dict):
            raise UnfitField(key, f"expected an object, not {json_type(value)}")
        listed = _bubbles(value, key)
        began = moment_if_any(value, "createdAt", "lastUpdatedAt") or self._modified
        conversation = conversation_of(self._space, self._source, composer, value.get("name"))
        reading = _Bubbles(conversation_began=began, model=model_of(value.get("modelConfig")))
        first = self._number
        for place, (name, inline) in enumerate(listed.items()):
            exported = Exported(conversation, self._path, self._next(), began, warning)
            yield self._bubble(reading, exported, name, inline, place)
        # What Cursor has taken out of a conversation (by going back to an earlier state, say) keeps its row.
        for bubble in self._rows.keys(f"{_BUBBLE}{composer}:"):
            name = bubble.removeprefix(f"{_BUBBLE}{composer}:")
            if name not in listed:
                exported = Exported(conversation, self._path, self._next(), began, warning)
                yield self._bubble(reading, exported, name, None, len(listed), alternate=True)
        if self._number == first:
            yield Skipped(self._next(), NO_MESSAGES)

    def _bubble(
        self, reading: "_Bubbles", exported: Exported, name: str, inline: object, place: int, *, alternate: bool = False
    ) -> Outcome:
        key = f"{_BUBBLE}{exported.conversation.native_id}:{name}"
        try:
            value, warning = (inline, None) if inline is not None else self._json(key)
            if value is None:
                return Skipped(exported.line, NO_ROW)
            spoken = read_message(value, key, reading.model)
        except UnfitField as error:
            return Rejected(exported.line, error.reason, error.field)
        if isinstance(spoken, str):
            return Skipped(exported.line, spoken)
        earlier = reading.latest
        if not alternate:
            reading.latest = spoken.timestamp or earlier
        if warning:
            exported = Exported(exported.conversation, exported.path, exported.line, exported.began, warning)
        return exported.captured(name, spoken, position=place, earlier=earlier, alternate=alternate)

    def _json(self, key: str) -> tuple[Any, str | None]:
        raw = self._rows.value(key)
        if raw is None:
            return None, None
        try:
            value, warning = parse_json(raw)
            # Some versions store JSON within a JSON text.
            return parse_json(value.encode()) if isinstance(value, str) else (value, warning)
        except UnreadableJson as error:
            raise UnfitField(key, str(error)) from None


class _Bubbles:
    """What a bubble inherits from its conversation: the time of the one before it, and the model."""

    def __init__(self, *, conversation_began: dt.datetime, model: str | None) -> None:
        self.latest = conversation_began
        self.model = model


def _bubbles(composer: Mapping[str, Any], key: str) -> dict[str, object]:
    """The bubbles of a conversation in their order, by id: ``None`` where they have rows of their own, else what is
    written here (older versions)."""
    found: dict[str, object] = {}
    for field in ("fullConversationHeadersOnly", "conversation"):
        listed = composer.get(field)
        if listed is None:
            continue
        if not isinstance(listed, list):
            raise UnfitField(f"{key}.{field}", f"expected an array, not {json_type(listed)}")
        for index, bubble in enumerate(listed):
            name = bubble.get("bubbleId") if isinstance(bubble, dict) else None
            if not isinstance(name, str) or not name:
                raise UnfitField(f"{key}.{field}[{index}].bubbleId", "expected the id of the bubble")
            if field == "conversation" and found.get(name) is None:
                found[name] = bubble
            else:
                found.setdefault(name, None)
    inline = composer.get("conversationMap")
    if isinstance(inline, dict):
        found.update({name: inline[name] for name, bubble in found.items() if bubble is None and name in inline})
    return found
