"""What only the whole of a Gemini CLI session tells: which record of a message counts, and what became of it.

A session is a log of changes: ``loadConversationRecord`` in google-gemini/gemini-cli replays it. A record with a known
id takes the place of the earlier one; ``{"$rewindTo": id}`` takes back that message and all after it;
``{"$set": {"messages": […]}}`` replaces the messages that the model is shown, which is how a session is compressed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from aethergrid_pipelines.capture.fields import UnfitField
from aethergrid_pipelines.capture.gemini_message import MASKED, calls_answered, read_message
from aethergrid_pipelines.capture.generic_message import Spoken
from aethergrid_pipelines.capture.jsonl import Line

Place = tuple[int, int]
"""A line, and which message of its list it is; -1 where the line is the message."""


@dataclass(slots=True)
class Version:
    """Where a message stands, and in which order it came. ``gone`` says how it was taken back, if it was; ``added``
    whether it is there only because the messages before it were replaced."""

    native_id: str
    place: Place
    position: int
    said: int
    gone: str | None = None
    added: bool = False


@dataclass(slots=True)
class History:
    """The result of a first reading. ``versions`` has a message under each id that it was given."""

    session: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    unknown_rewinds: set[int] = field(default_factory=set)
    _live: dict[str, None] = field(default_factory=dict)

    def add(self, line: Line) -> None:
        """Take the next line."""
        record = line.value
        if isinstance(record.get("$rewindTo"), str):
            self._rewind(line.number, record["$rewindTo"])
        elif is_message(record):
            version = self._message((line.number, -1), record, set())
            if version is not None:
                self._live[version.native_id] = None
        else:
            self.session.update(session_in(record))
            if (messages := messages_in(record)) is not None:
                self._replace(line.number, messages, added="$set" in record)

    def _message(self, place: Place, record: object, renamed: set[str]) -> Version | None:
        """Note a message. ``renamed`` may be among them: ids of messages that it may be, under a new id."""
        try:
            spoken = read_message(record)
        except UnfitField:
            return None
        if not isinstance(spoken, Spoken) or not isinstance(record, dict) or spoken.native_id is None:
            return None
        self.answered.update(calls_answered(record))
        said = _fingerprint(spoken)
        version = self.versions.get(spoken.native_id)
        if version is None:
            version = next((self.versions[name] for name in renamed if self.versions[name].said == said), None)
            if version is None:
                version = Version(spoken.native_id, place, len(self.versions), said)
            renamed.discard(version.native_id)
            self.versions[spoken.native_id] = version
        elif MASKED not in orjson.dumps(record).decode():
            version.place, version.said = place, said
        version.gone = None
        return version

    def _rewind(self, number: int, native_id: str) -> None:
        version = self.versions.get(native_id)
        if version is None or version.native_id not in self._live:
            self.unknown_rewinds.add(number)
            return
        order = list(self._live)
        for gone in order[order.index(version.native_id) :]:
            del self._live[gone]
            self.versions[gone].gone = "rewound"

    def _replace(self, number: int, messages: list[object], *, added: bool) -> None:
        before = set(self._live)
        renamed = before - {str(message.get("id")) for message in messages if isinstance(message, dict)}
        after: dict[str, None] = {}
        for index, message in enumerate(messages):
            known = len(self.versions)
            version = self._message((number, index), message, renamed)
            if version is not None:
                version.added = version.added or (added and version.position == known)
                after[version.native_id] = None
        for gone in before - after.keys():
            self.versions[gone].gone = "replaced"
        self._live = after


def is_message(record: Mapping[str, Any]) -> bool:
    """Whether a line is a message, and not about the session."""
    return "id" in record and "$set" not in record


def messages_in(record: Mapping[str, Any]) -> list[object] | None:
    """The messages that a line about the session brings in place of those before."""
    changes = record.get("$set", record)
    messages = changes.get("messages") if isinstance(changes, dict) else None
    return messages if isinstance(messages, list) else None


def session_in(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a line says of the session."""
    changes = record.get("$set", record)
    return {name: value for name, value in changes.items() if name != "messages"} if isinstance(changes, dict) else {}


def records_in(line: Line) -> Iterator[tuple[Place, object]]:
    """The messages of a line, each with its place."""
    if is_message(line.value):
        yield (line.number, -1), line.value
        return
    for index, message in enumerate(messages_in(line.value) or ()):
        yield (line.number, index), message


def _fingerprint(spoken: Spoken) -> int:
    calls = [call.get("id") for call in spoken.metadata.get("tool_calls", ())]
    return hash((spoken.role, spoken.metadata.get("sent", spoken.content), *map(str, calls)))
