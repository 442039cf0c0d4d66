"""Sessions of Codex CLI: ``~/.codex/sessions/Y/M/D/rollout-*.jsonl``, and ``.jsonl.zst`` once they are a week old.

``docs/capture/codex.md`` says what is taken from them. A record is a line. A file is read twice, because what is said
at its end (a title, a rollback, the second form of a message) decides what its beginning means.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.codex_history import History, read_history
from aethergrid_pipelines.capture.codex_item import Item, Kind
from aethergrid_pipelines.capture.codex_row import CONTEXT, TYPES, Row, read_row
from aethergrid_pipelines.capture.codex_turn import Turn
from aethergrid_pipelines.capture.fields import UnfitField, identifier_of
from aethergrid_pipelines.capture.generic_message import MODEL_LIMIT
from aethergrid_pipelines.capture.jsonl import Line, any_row
from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected, Skipped
from aethergrid_pipelines.capture.read_twice import ReadTwice
from aethergrid_pipelines.capture.zstd_lines import plain_head, read_plain_or_compressed_lines
from aethergrid_pipelines.records.conversation import ALTERNATE, Conversation, Message, Origin, Role
from aethergrid_pipelines.records.ids import conversation_id, message_id

_ENDINGS = (".jsonl", ".jsonl.zst")
_CUT_HEADER = re.compile(
    rb'\A\s*\{\s*"timestamp"\s*:\s*"[^"]*"\s*,\s*(?:"ordinal"\s*:\s*\d+\s*,\s*)?"type"\s*:\s*"session_meta"\s*,'
    rb'\s*"payload"\s*:\s*\{'
)
_NAMED = re.compile(r"rollout-.*?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_ROLES = {Kind.USER: Role.USER, Kind.AGENT: Role.USER, Kind.RESULT: Role.TOOL, Kind.SUMMARY: Role.ASSISTANT}
_ENDS_A_TURN = frozenset({"event task_started", "event task_complete", "event turn_aborted", "event turn_complete"})


class Codex:
    """Rollouts that Codex CLI writes, and its editor extension and desktop application too."""

    name = "codex"

    def recognises(self, path: Path, head: bytes) -> bool:
        """JSON Lines, perhaps compressed, of the types that Codex writes."""
        if not path.name.endswith(_ENDINGS):
            return False
        head = plain_head(path, head).removeprefix(b"\xef\xbb\xbf")
        return any_row(head.split(b"\n"), _is_row, cut=_CUT_HEADER)

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """Stream the outcomes. Holds one answer of the model, and some 300 bytes a message."""
        return _Rollout(path, self.name, space).outcomes()


def _is_row(row: Mapping[str, Any]) -> bool:
    kind = row.get("type")
    if kind is None:
        return "instructions" in row and isinstance(row.get("id"), str) and "timestamp" in row
    return isinstance(kind, str) and kind in TYPES and isinstance(row.get("payload"), dict)


class _Rollout:
    def __init__(self, path: Path, source: str, space: str) -> None:
        self._path = path
        self._lines = ReadTwice(partial(read_plain_or_compressed_lines, path))
        self._history = read_history(path, self._lines.first())
        native_id = _session_of(self._history, path)
        self._conversation = Conversation(
            id=conversation_id(space, source, native_id),
            space=space,
            source=source,
            native_id=native_id,
            title=self._history.title,
        )
        self._latest = self._history.begun or dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        self._model: str | None = None
        self._envelope = _envelope(self._history)
        self._turn: Turn | None = None
        self._tools: dict[str, str] = {}
        self._names: dict[str, int] = {}
        self._forked = self._history.parent

    def outcomes(self) -> Iterator[Outcome]:
        for line in self._lines.second():
            if not isinstance(line, Line):
                yield line
                continue
            try:
                row = read_row(line.value)
            except UnfitField as error:
                yield Rejected(line.number, error.reason, error.field)
                continue
            self._latest = row.moment or self._latest
            yield from self._row(line, row)
        yield from self._flush()

    def _row(self, line: Line, row: Row) -> Iterator[Outcome]:
        item = row.says
        if isinstance(item, str):
            self._context(row)
            if item in _ENDS_A_TURN and self._turn:
                self._turn.closed = True
            yield Skipped(line.number, item)
        elif item.kind in {Kind.TITLE, Kind.ROLLBACK}:
            yield Skipped(line.number, item.kind.value)
        elif line.number <= self._history.copied and self._history.original:
            yield Skipped(line.number, "copied from another session")
        elif line.number in self._history.twins:
            yield Merged(line.number)
        elif item.kind is Kind.USAGE:
            yield self._usage(line, item)
        elif item.kind in {Kind.ASSISTANT, Kind.THOUGHT, Kind.CALL}:
            yield from self._answer(line, row, item)
        else:
            yield from self._whole(line, row, item)

    def _context(self, row: Row) -> None:
        if row.type != CONTEXT:
            return
        model, folder = row.payload.get("model"), row.payload.get("cwd")
        self._model = model if isinstance(model, str) and 0 < len(model) <= MODEL_LIMIT else self._model
        if isinstance(folder, str) and folder:
            self._envelope = {**self._envelope, "cwd": folder}

    def _usage(self, line: Line, item: Item) -> Outcome:
        turn = self._turn
        if turn is None or "tokens" in turn.metadata:
            return Skipped(line.number, "event token_count")
        turn.metadata.update(item.metadata)
        turn.closed = True
        return Merged(line.number)

    def _answer(self, line: Line, row: Row, item: Item) -> Iterator[Outcome]:
        if item.kind is Kind.CALL and item.call_id:
            self._tools[item.call_id] = item.metadata["tool_calls"][0]["name"]
        if self._turn and not self._turn.closed:
            self._turn.add(item)
            yield Merged(line.number)
            return
        yield from self._flush()
        self._turn = self._begin(line, row, Role.ASSISTANT, model=self._model)
        self._turn.add(item)

    def _whole(self, line: Line, row: Row, item: Item) -> Iterator[Outcome]:
        """A line that is a message by itself: of a person, another agent or a tool, or the summary of a compaction."""
        if item.kind is Kind.RESULT:
            # What was used is told after the results of the tools that were called, so that the answer stays open.
            if self._turn:
                self._turn.closed = True
        else:
            yield from self._flush()
        message = self._begin(line, row, _ROLES[item.kind], call_id=item.call_id)
        message.texts = item.texts
        if item.kind is Kind.RESULT:
            name = self._tools.get(item.call_id or "")
            message.metadata["tool_results"] = [{**item.metadata, **({"name": name} if name else {})}]
        else:
            message.metadata.update(item.metadata)
        if item.kind is Kind.SUMMARY:
            message.metadata["compact_summary"] = True
        yield self._captured(message, _ROLES[item.kind])

    def _begin(self, line: Line, row: Row, role: Role, *, model: str | None = None, call_id: str | None = None) -> Turn:
        history = self._history
        earliest = history.earliest.get(line.number)
        moment = earliest or row.moment
        metadata = dict(self._envelope)
        if history.rolled_back(line.number):
            metadata[ALTERNATE] = True
        if line.number <= history.copied:
            metadata["copied_from"] = history.parent
        elif self._forked:
            metadata["forked_from"], self._forked = self._forked, None
        name = self._name(f"result/{call_id}" if call_id else f"{moment.isoformat()}/{role}" if moment else None, line)
        inferred = moment is None
        return Turn(line.number, name, moment or self._latest, inferred, model, metadata, warning=line.warning)

    def _name(self, name: str | None, line: Line) -> str:
        if name is None:
            return f"line/{line.number}"
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return f"{name}/{count}" if count else name

    def _flush(self) -> Iterator[Outcome]:
        turn, self._turn = self._turn, None
        if turn and turn.finish():
            yield self._captured(turn, Role.ASSISTANT)
        elif turn:
            yield Skipped(turn.line, "encrypted reasoning")

    def _captured(self, turn: Turn, role: Role) -> Captured:
        message = Message(
            id=message_id(self._conversation.id, turn.native_id),
            conversation_id=self._conversation.id,
            native_id=turn.native_id,
            timestamp=turn.moment,
            timestamp_inferred=turn.inferred,
            role=role,
            content=turn.content,
            model=turn.model,
            position=turn.line,
            metadata=turn.metadata,
            origin=Origin(path=str(self._path), line=turn.line),
        )
        return Captured(self._conversation, message, turn.warning)


def _session_of(history: History, path: Path) -> str:
    for name in ("id", "session_id"):
        try:
            if native_id := identifier_of(history.session, name):
                return native_id
        except UnfitField:
            continue
    named = _NAMED.match(path.name)
    return named[1] if named else path.name.removesuffix(".zst").removesuffix(".jsonl")


def _envelope(history: History) -> dict[str, Any]:
    session = history.session
    git, origin = session.get("git"), session.get("source")
    found = {
        "cwd": session.get("cwd"),
        "git_branch": git.get("branch") if isinstance(git, dict) else None,
        "version": session.get("cli_version"),
    }
    envelope: dict[str, Any] = {name: value for name, value in found.items() if isinstance(value, str) and value}
    if isinstance(origin, dict) and "subagent" in origin:
        envelope["sidechain"] = True
    return envelope
