"""The documented form: one message or one conversation per JSON object, as JSON Lines or as a ``.json`` file.

``docs/capture/generic.md`` is the reference. A record is a line that holds a message, or a message of a list.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from aethergrid_pipelines.capture.fields import UnfitField, identifier_of, json_type, text_of
from aethergrid_pipelines.capture.generic_message import ROLES, Spoken, moment_of, read_message
from aethergrid_pipelines.capture.jsonl import (
    MAX_LINE_BYTES,
    Line,
    UnreadableJson,
    holds_lines,
    parse_json,
    read_lines,
)
from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected, Skipped
from aethergrid_pipelines.records.conversation import RENDERED, Conversation, Message, Origin, Role
from aethergrid_pipelines.records.ids import conversation_id, message_id, sha256_hex

POSTED = "api"
"""The origin of what was sent to the API."""

_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
# What a record looks like whose first line is longer than what was read of the file.
_CUT_RECORD = re.compile(
    rb'^\s*\[?\s*\{(?:.*"messages"\s*:\s*\[\s*\{\s*"|.*"conversation"\s*:.*"(?:role|content)"\s*:)', re.DOTALL
)
_NO_TIME = "give this message, or one before it in its conversation, a timestamp"


class Generic:
    """Conversations in the form that this project documents, or in OpenAI's."""

    name = "generic"

    def recognises(self, path: Path, head: bytes) -> bool:
        """JSON whose first readable objects have ``conversation`` and ``role``, or a list of ``messages``."""
        if path.suffix not in _SUFFIXES:
            return False
        head = head.removeprefix(b"\xef\xbb\xbf")
        try:
            return _has_form(parse_json(head)[0])
        except UnreadableJson:
            lines = head.split(b"\n")
        for raw in lines[:50]:
            try:
                if _has_form(parse_json(raw)[0]):
                    return True
            except UnreadableJson:
                continue
        return _CUT_RECORD.search(head) is not None

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """Stream the outcomes. Holds one line, and some 200 bytes a message; of a ``.json`` file all of it."""
        modified = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        reading = _Reading(str(path), space, modified)
        if path.suffix == ".json" and not holds_lines(path):
            yield from reading.document(path)
        else:
            yield from reading.lines(path)


def read_posted(records: Iterable[object], *, space: str, received: dt.datetime) -> Iterator[Outcome]:
    """The outcomes of records that were sent and not written to a file; their «line» is their place, from 1.

    One that could not be parsed is given as its ``UnreadableJson``.

    What says no time is of ``received``. A message of the first form with neither id nor time is named by its role
    and content: a second request must not take the place of the first one, and a repeated one must add nothing.
    """
    yield from _Reading(POSTED, space, received, posted=True).records(records)


def _has_form(value: object) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, dict):
        return False
    messages = first.get("messages")
    if isinstance(messages, list):
        return not messages or (isinstance(messages[0], dict) and "role" in messages[0])
    return "conversation" in first and "role" in first


@dataclass(slots=True)
class _Thread:
    """A conversation as far as it was read."""

    conversation: Conversation
    position: int = 0
    latest: dt.datetime | None = None
    latest_given: tuple[dt.datetime, Role] | None = None
    repeats: int = 0
    by_content: bool = False

    def native_id(self, spoken: Spoken) -> str:
        """The id of a message that has none: its time and role, else its position; never its content, so that an
        edited message stays the same message."""
        if spoken.timestamp is None and self.by_content:
            return f"content/{sha256_hex(f'{spoken.role}/{spoken.content}')}"
        if spoken.timestamp is None:
            return f"position/{self.position}"
        moment = (spoken.timestamp, spoken.role)
        self.repeats = self.repeats + 1 if moment == self.latest_given else 0
        self.latest_given = moment
        return f"{spoken.timestamp.isoformat()}/{spoken.role}" + (f"/{self.repeats}" if self.repeats else "")


class _Reading:
    def __init__(self, origin: str, space: str, moment: dt.datetime, *, posted: bool = False) -> None:
        self._origin = origin
        self._space = space
        self._moment = moment
        self._posted = posted
        self._threads: dict[tuple[str, str], _Thread] = {}
        self._seen: dict[int, tuple[int, int]] = {}

    def lines(self, path: Path) -> Iterator[Outcome]:
        for line in read_lines(path):
            if isinstance(line, Line):
                yield from self._object(line.value, line.number, line.warning)
            else:
                yield line

    def document(self, path: Path) -> Iterator[Outcome]:
        if path.stat().st_size > MAX_LINE_BYTES:
            size = MAX_LINE_BYTES // 1024**2
            yield Rejected(None, f"a .json file of more than {size} MiB: make it JSON Lines (jq -c '.[]')")
            return
        try:
            value, warning = parse_json(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        except UnreadableJson as error:
            yield Rejected(None, str(error))
            return
        yield from self.records(value if isinstance(value, list) else [value], warning)

    def records(self, records: Iterable[object], warning: str | None = None) -> Iterator[Outcome]:
        for number, record in enumerate(records, start=1):
            if isinstance(record, dict):
                yield from self._object(record, number, warning)
            elif isinstance(record, UnreadableJson):
                yield Rejected(number, str(record))
            else:
                yield Rejected(number, f"expected an object, not {json_type(record)}")

    def _object(self, record: Mapping[str, Any], number: int, warning: str | None) -> Iterator[Outcome]:
        try:
            if "messages" in record:
                yield from self._conversation(record, number, warning)
            else:
                yield self._message(record, number, warning)
        except UnfitField as error:
            yield Rejected(number, error.reason, error.field)

    def _message(self, record: Mapping[str, Any], number: int, warning: str | None) -> Outcome:
        native_id = identifier_of(record, "conversation")
        if native_id is None:
            raise UnfitField("conversation", "expected the id of the conversation that the message belongs to")
        key = (_source_of(record), native_id)
        title = text_of(record, "title")
        thread = self._threads.get(key)
        if thread is None:
            thread = self._threads[key] = self._thread(self._of(record, native_id))
        elif title is not None and title != thread.conversation.title:
            thread.conversation = self._of(record, native_id)
        try:
            return self._place(thread, read_message(record), number, warning)
        finally:
            # A message that is rejected keeps its position, so that mending it does not move those after it.
            thread.position += 1

    def _thread(self, conversation: Conversation) -> _Thread:
        if self._posted:
            return _Thread(conversation, latest=self._moment, by_content=True)
        return _Thread(conversation)

    def _conversation(self, record: Mapping[str, Any], number: int, warning: str | None) -> Iterator[Outcome]:
        messages = record["messages"]
        if not isinstance(messages, list):
            raise UnfitField("messages", f"expected an array, not {json_type(messages)}")
        if not messages:
            yield Skipped(number, "conversation without messages")
            return
        # Without an id, a conversation is what is said in it: two that differ must never overwrite each other.
        native_id = identifier_of(record, "id") or sha256(orjson.dumps(messages)).hexdigest()
        thread = _Thread(self._of(record, native_id), latest=moment_of(record) or self._moment)
        model = text_of(record, "model")
        shared = record.get("metadata") or {}
        if not isinstance(shared, dict):
            raise UnfitField("metadata", f"expected an object, not {json_type(shared)}")
        for index, message in enumerate(messages):
            thread.position = index
            try:
                spoken = read_message(_with_shared(message, shared, model))
                yield self._place(thread, spoken, number, warning)
            except UnfitField as error:
                yield Rejected(number, error.reason, f"messages[{index}].{error.field}".removesuffix("."))

    def _of(self, record: Mapping[str, Any], native_id: str) -> Conversation:
        source = _source_of(record)
        return Conversation(
            id=conversation_id(self._space, source, native_id),
            space=self._space,
            source=source,
            native_id=native_id,
            title=text_of(record, "title"),
        )

    def _place(self, thread: _Thread, spoken: Spoken, number: int, warning: str | None) -> Outcome:
        timestamp = spoken.timestamp or thread.latest
        if timestamp is None:
            raise UnfitField("timestamp", _NO_TIME)
        native_id = spoken.native_id or thread.native_id(spoken)
        message = Message(
            id=message_id(thread.conversation.id, native_id),
            conversation_id=thread.conversation.id,
            native_id=native_id,
            timestamp=timestamp,
            timestamp_inferred=spoken.timestamp is None or spoken.inferred,
            role=spoken.role,
            content=spoken.content,
            model=spoken.model,
            position=thread.position,
            metadata=spoken.metadata,
            origin=Origin(path=RENDERED if spoken.rendered else self._origin, line=number),
        )
        thread.latest = timestamp
        # Hashes rather than text, because this is kept of every message in the file.
        key, said = hash(message.id), hash(message.digest)
        if key not in self._seen:
            self._seen[key] = (number, said)
            return Captured(thread.conversation, message, warning)
        first, before = self._seen[key]
        if said == before:
            return Merged(number)
        raise UnfitField("id", f"{native_id!r} is the id of another message of this conversation, on line {first}")


def _source_of(record: Mapping[str, Any]) -> str:
    return identifier_of(record, "source", limit=64) or Generic.name


def _with_shared(message: object, shared: Mapping[str, Any], model: str | None) -> Mapping[str, Any]:
    """A message with what its conversation says of all of them: metadata, and the model of what was answered."""
    if not isinstance(message, dict):
        raise UnfitField("", f"expected an object, not {json_type(message)}")
    role = message.get("role")
    answered = isinstance(role, str) and ROLES.get(role.lower()) is Role.ASSISTANT
    own = message.get("metadata")
    merged = {**shared, **own} if isinstance(own, dict) else own or shared
    return {**message, "model": message.get("model") or (model if answered else None), "metadata": merged}
