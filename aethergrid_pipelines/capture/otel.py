"""OpenTelemetry GenAI spans in OTLP's JSON: an export request a line, as the Collector's file exporter writes them, or
one document.

``docs/capture/otel.md`` says what is taken from them. A record is a message of a span; a span without messages and a
line without spans count as one. A file is read twice, because spans come in no order.
"""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.fields import UnfitField
from aethergrid_pipelines.capture.jsonl import (
    MAX_LINE_BYTES,
    Line,
    UnreadableJson,
    holds_lines,
    parse_json,
    read_lines,
)
from aethergrid_pipelines.capture.otel_call import Call, Place, read_call, records_in, told_place
from aethergrid_pipelines.capture.otel_history import History, is_answer, named_inputs, named_outputs
from aethergrid_pipelines.capture.otel_message import Told
from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected, Skipped
from aethergrid_pipelines.capture.read_twice import ReadTwice
from aethergrid_pipelines.records.conversation import Conversation, Message, Origin
from aethergrid_pipelines.records.ids import conversation_id, message_id

_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
_REQUESTS = ("resourceSpans", "resourceLogs")
_CUT_REQUEST = re.compile(rb'\s*\[?\s*\{\s*"(?:resourceSpans|resourceLogs)"\s*:\s*\[')
_BOM = b"\xef\xbb\xbf"


class Otel:
    """Export requests of traces, or of the events that belong to them."""

    name = "otel"

    def recognises(self, path: Path, head: bytes) -> bool:
        """JSON, or JSON Lines, with ``resourceSpans`` or ``resourceLogs``."""
        if path.suffix not in _SUFFIXES:
            return False
        head = head.removeprefix(_BOM)
        for raw in head.split(b"\n")[:50]:
            if _CUT_REQUEST.match(raw):
                return True
            try:
                request, _ = parse_json(raw)
            except UnreadableJson:
                continue
            if isinstance(request, dict) and any(isinstance(request.get(name), list) for name in _REQUESTS):
                return True
        return _CUT_REQUEST.match(head) is not None

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """Stream the outcomes. Holds one request, and some 1.3 kB a message; of one document all of it."""
        return _Export(path, self.name, space).outcomes()


class _Export:
    def __init__(self, path: Path, source: str, space: str) -> None:
        self._path = path
        self._source = source
        self._space = space
        self._modified = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        self._seen: set[tuple[str, str]] = set()
        self._conversations: dict[str, Conversation] = {}
        self._history = History()
        self._twice = ReadTwice(self._lines)
        for line in self._twice.first():
            self._look_at(line)
        self._history.close()

    def outcomes(self) -> Iterator[Outcome]:
        for line in self._twice.second():
            if not isinstance(line, Line):
                yield line
                continue
            records = list(records_in(line.value))
            if not records:
                yield Skipped(line.number, "no spans")
            for place, record in records:
                yield from self._record(line, place, record)

    def _lines(self) -> Iterator[Line | Skipped | Rejected]:
        if self._path.suffix != ".json" or holds_lines(self._path):
            yield from read_lines(self._path)
            return
        if self._path.stat().st_size > MAX_LINE_BYTES:
            yield Rejected(None, f"a document of more than {MAX_LINE_BYTES // 1024**2} MiB: make it a request a line")
            return
        try:
            value, warning = parse_json(self._path.read_bytes().removeprefix(_BOM))
        except UnreadableJson as error:
            yield Rejected(None, str(error))
            return
        for number, request in enumerate(value if isinstance(value, list) else [value], start=1):
            if isinstance(request, dict):
                yield Line(number, 0, request, warning)
            else:
                yield Rejected(number, "not a JSON object")

    def _look_at(self, line: Line) -> None:
        for _, record in records_in(line.value):
            try:
                call = read_call(record)
            except UnfitField:
                continue
            if isinstance(call, Call):
                self._history.add(call)

    def _record(self, line: Line, place: Place, record: object) -> Iterator[Outcome]:
        try:
            call = read_call(record)
        except UnfitField as error:
            yield Rejected(line.number, error.reason, f"{told_place(place)}.{error.field}".removesuffix("."))
            return
        if isinstance(call, str):
            yield Skipped(line.number, call)
            return
        for problem in (*call.inputs, *call.outputs):
            if isinstance(problem, UnfitField):
                yield Rejected(line.number, problem.reason, f"{told_place(place)}.{problem.field}")
        if not call.inputs and not call.outputs:
            yield Skipped(line.number, "no content was recorded")
        for position, (name, time, told) in enumerate(named_inputs(call)):
            if told is not None:
                yield self._input(line, call, told, name=name, time=time, position=position)
        for position, (name, told) in enumerate(named_outputs(call), start=len(call.inputs)):
            if told is not None:
                yield self._output(line, call, told, name=name, position=position)

    def _input(self, line: Line, call: Call, told: Told, *, name: str, time: int, position: int) -> Outcome:
        if is_answer(told) and self._history.repeats(call.conversation, told.said, time):
            return Merged(line.number)
        if not self._is_new(call, name):
            return Merged(line.number)
        moment, position = self._history.first.get((call.conversation, name), (None, position))
        # Nothing of the call itself: the message must be the same in whichever call it is found first.
        about = {"replayed": True} if is_answer(told) else {}
        message = self._message(call, told, name, line=line, position=position, moment=moment, about=about, sure=False)
        return Captured(self._of(call), message, line.warning)

    def _output(self, line: Line, call: Call, told: Told, *, name: str, position: int) -> Outcome:
        if call.wraps and (call.trace, told.said) in self._history.in_trace:
            return Merged(line.number)
        name = f"answer/{name}"
        if not self._is_new(call, name):
            return Merged(line.number)
        moment, about = call.end or call.start, call.metadata
        message = self._message(
            call, told, name, line=line, position=position, moment=moment, about=about, model=call.model
        )
        return Captured(self._of(call), message, line.warning)

    def _is_new(self, call: Call, name: str) -> bool:
        known = len(self._seen)
        self._seen.add((call.conversation, name))
        return len(self._seen) > known

    def _of(self, call: Call) -> Conversation:
        if call.conversation not in self._conversations:
            self._conversations[call.conversation] = Conversation(
                id=conversation_id(self._space, self._source, call.conversation),
                space=self._space,
                source=self._source,
                native_id=call.conversation,
            )
        return self._conversations[call.conversation]

    def _message(
        self,
        call: Call,
        told: Told,
        name: str,
        *,
        line: Line,
        position: int,
        moment: dt.datetime | None,
        about: dict[str, Any],
        model: str | None = None,
        sure: bool = True,
    ) -> Message:
        conversation = self._of(call)
        return Message(
            id=message_id(conversation.id, name),
            conversation_id=conversation.id,
            native_id=name,
            timestamp=moment or self._modified,
            timestamp_inferred=moment is None or not sure,
            role=told.role,
            content=told.content,
            model=model,
            position=position,
            metadata={**about, **told.metadata},
            origin=Origin(path=str(self._path), line=line.number),
        )
