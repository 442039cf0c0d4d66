"""Sessions of Gemini CLI: ``~/.gemini/tmp/<project>/chats/session-*.jsonl``, and ``.json`` of older versions.

``docs/capture/gemini-cli.md`` says what is taken from them. A record is a line, and each message of a list in a line;
of a ``.json`` file each message. A file is read twice, because a session is a log of changes.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.fields import UnfitField, identifier_of, json_type
from aethergrid_pipelines.capture.gemini_history import (
    History,
    Place,
    Version,
    is_message,
    messages_in,
    records_in,
    session_in,
)
from aethergrid_pipelines.capture.gemini_message import calls_told, read_message
from aethergrid_pipelines.capture.generic_message import Spoken
from aethergrid_pipelines.capture.jsonl import MAX_LINE_BYTES, Line, UnreadableJson, parse_json, read_lines
from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected, Skipped
from aethergrid_pipelines.capture.read_twice import ReadTwice
from aethergrid_pipelines.capture.timestamps import parse_timestamp
from aethergrid_pipelines.records.conversation import ALTERNATE, Conversation, Message, Origin
from aethergrid_pipelines.records.ids import conversation_id, message_id

_SUFFIXES = frozenset({".json", ".jsonl"})
_CUT_SESSION = re.compile(rb'\s*\{\s*"sessionId"\s*:\s*"[^"]*"\s*,\s*"projectHash"\s*:\s*"')
_BOM = b"\xef\xbb\xbf"


class GeminiCli:
    """Sessions that Gemini CLI records, and its forks that kept the form."""

    name = "gemini-cli"

    def recognises(self, path: Path, head: bytes) -> bool:
        """JSON, or JSON Lines, with the session and the project that Gemini CLI names first."""
        if path.suffix not in _SUFFIXES:
            return False
        head = head.removeprefix(_BOM)
        if _CUT_SESSION.match(head):
            return True
        for raw in [head, *head.split(b"\n")[:50]]:
            try:
                record, _ = parse_json(raw)
            except UnreadableJson:
                continue
            if isinstance(record, dict) and _is_record(record):
                return True
        return False

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """Stream the outcomes. Holds one line, and some 300 bytes a message; of a ``.json`` file all of it."""
        return _Session(path, self.name, space).outcomes()


def _is_record(record: Mapping[str, Any]) -> bool:
    if "$rewindTo" in record or isinstance(record.get("$set"), dict):
        return True
    return isinstance(record.get("sessionId"), str) and isinstance(record.get("projectHash"), str)


class _Session:
    def __init__(self, path: Path, source: str, space: str) -> None:
        self._path = path
        self._history = History()
        self._document: list[Line | Rejected] | None = None
        self._unreadable: Rejected | None = None
        if path.suffix == ".json":
            self._read_document()
        self._twice = ReadTwice(self._lines)
        for line in self._twice.first():
            self._history.add(line)
        native_id = _session_of(self._history.session, path)
        title = self._history.session.get("summary")
        self._conversation = Conversation(
            id=conversation_id(space, source, native_id),
            space=space,
            source=source,
            native_id=native_id,
            title=title.strip() or None if isinstance(title, str) else None,
        )
        self._latest = _begun(self._history.session) or dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        self._about = _about(self._history.session)

    def outcomes(self) -> Iterator[Outcome]:
        if self._unreadable:
            yield self._unreadable
            return
        for line in self._twice.second():
            if not isinstance(line, Line):
                yield line
                continue
            if not is_message(line.value):
                yield Skipped(line.number, self._about_session(line))
            for place, record in records_in(line):
                yield self._record(place, record, line.warning)

    def _lines(self) -> Iterator[Line | Skipped | Rejected]:
        yield from read_lines(self._path) if self._document is None else self._document

    def _read_document(self) -> None:
        """The older form: one object with the session and its ``messages``. JSON Lines may have this name too."""
        self._document = []
        if self._path.stat().st_size > MAX_LINE_BYTES:
            self._unreadable = Rejected(None, f"a .json file of more than {MAX_LINE_BYTES // 1024**2} MiB")
            return
        try:
            value, warning = parse_json(self._path.read_bytes().removeprefix(_BOM))
        except UnreadableJson as error:
            if b'\n{"' in self._path.read_bytes():
                self._document = None
            else:
                self._unreadable = Rejected(None, str(error))
            return
        if not isinstance(value, dict) or is_message(value):
            self._document = None
            return
        self._history.session.update(session_in(value))
        for number, message in enumerate(messages_in(value) or (), start=1):
            if isinstance(message, dict):
                self._document.append(Line(number, 0, message, warning))
            else:
                self._document.append(Rejected(number, f"expected an object, not {json_type(message)}"))

    def _about_session(self, line: Line) -> str:
        record = line.value
        if "$rewindTo" in record:
            return "rewind to an unknown message" if line.number in self._history.unknown_rewinds else "rewind"
        if messages_in(record):
            return "messages replaced" if "$set" in record else "session"
        known = "$set" in record or "sessionId" in record
        return "session" if known else "unknown record"

    def _record(self, place: Place, record: object, warning: str | None) -> Outcome:
        number, index = place
        where = "" if index < 0 else f"messages[{index}]"
        try:
            spoken = read_message(record)
        except UnfitField as error:
            name = ".".join(part for part in (where, error.field) if part)
            return Rejected(number, error.reason, name or None)
        if isinstance(spoken, str):
            return Skipped(number, spoken)
        told = calls_told(record) if isinstance(record, dict) else None
        if told and self._history.answered.issuperset(told):
            return Merged(number)
        self._latest = spoken.timestamp or self._latest
        version = self._history.versions.get(spoken.native_id or "")
        if version is None:
            return Skipped(number, "changed while it was read")
        if version.place != place:
            return Merged(number)
        metadata = {**self._about, **spoken.metadata}
        if version.gone == "rewound":
            metadata[ALTERNATE] = True
        elif version.gone == "replaced":
            metadata["replaced"] = True
        if version.added:
            metadata["replacement"] = True
        return self._captured(spoken, version, metadata, line=number, warning=warning)

    def _captured(
        self, spoken: Spoken, version: Version, metadata: dict[str, Any], *, line: int, warning: str | None
    ) -> Captured:
        message = Message(
            id=message_id(self._conversation.id, version.native_id),
            conversation_id=self._conversation.id,
            native_id=version.native_id,
            timestamp=spoken.timestamp or self._latest,
            timestamp_inferred=spoken.timestamp is None,
            role=spoken.role,
            content=spoken.content,
            model=spoken.model,
            position=version.position,
            metadata=metadata,
            origin=Origin(path=str(self._path), line=line),
        )
        return Captured(self._conversation, message, warning)


def _session_of(session: Mapping[str, Any], path: Path) -> str:
    try:
        return identifier_of(session, "sessionId") or path.stem
    except UnfitField:
        return path.stem


def _begun(session: Mapping[str, Any]) -> dt.datetime | None:
    try:
        return parse_timestamp(session.get("startTime"))
    except ValueError:
        return None


def _about(session: Mapping[str, Any]) -> dict[str, Any]:
    project = session.get("projectHash")
    about: dict[str, Any] = {"project": project} if isinstance(project, str) and project else {}
    if session.get("kind") == "subagent":
        about["sidechain"] = True
    return about
