"""Claude Code session transcripts: ``~/.claude/projects/<cwd>/<session>.jsonl`` and the subagents beside them.

The format is not published; ``docs/capture/claude-code.md`` says what is taken from it. A record is a line.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.claude_code_turn import Part, Turn, blocks_of, moment_of, part_of
from aethergrid_pipelines.capture.fields import UnfitField, identifier_of, json_type
from aethergrid_pipelines.capture.jsonl import Line, any_row, read_line_at, read_lines
from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected, Skipped
from aethergrid_pipelines.records.conversation import Conversation
from aethergrid_pipelines.records.ids import conversation_id

# Kinds of titles, the weaker first: what people chose stays, whatever a model suggests afterwards.
_TITLES = {"summary": "summary", "ai-title": "aiTitle", "custom-title": "customTitle"}
_BOOKKEEPING = frozenset(
    {
        "agent-name",
        "agent-setting",
        "attachment",
        "attribution-snapshot",
        "bridge-session",
        "content-replacement",
        "file-history-snapshot",
        "last-prompt",
        "mode",
        "permission-mode",
        "pr-link",
        "progress",
        "queue-operation",
        "result",
        "started",
        "tag",
        "worktree-state",
    }
)
# A response whose rows are interleaved with others stays open for so many turns of its conversation.
_OPEN_TURNS = 8
_ROW = re.compile(rb'"(?:parentUuid|sessionId)"\s*:.*"(?:parentUuid|sessionId)"\s*:', re.DOTALL)


class ClaudeCode:
    """Transcripts that Claude Code writes."""

    name = "claude-code"

    def recognises(self, path: Path, head: bytes) -> bool:
        """JSON Lines whose rows have a session and a kind that Claude Code writes."""
        if path.suffix not in {".jsonl", ".json"}:
            return False
        lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        complete = lines if len(lines) == 1 else lines[:-1]
        return any_row(complete, _is_row, cut=_ROW)

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """Stream the outcomes. Holds eight turns of each session in the file, and some 300 bytes a response."""
        return _Transcript(path, self.name, space).outcomes()


def _is_row(row: Mapping[str, Any]) -> bool:
    kind = row.get("type")
    if kind in {"user", "assistant", "system"}:
        return "sessionId" in row and isinstance(row.get("uuid"), str)
    if kind == "summary":
        return "leafUuid" in row
    return kind in _TITLES or (kind in _BOOKKEEPING and ("sessionId" in row or "messageId" in row))


class _Transcript:
    def __init__(self, path: Path, source: str, space: str) -> None:
        self._path = path
        self._source = source
        self._space = space
        self._open: dict[str, OrderedDict[str, Turn]] = {}
        self._closed: dict[tuple[str, str], list[tuple[str | None, int]]] = {}
        self._titles: dict[str, tuple[int, str]] = {}
        self._conversations: dict[str, Conversation] = {}
        self._leaves: dict[str, tuple[int, str]] = {}
        self._last_row: dict[str, str] = {}
        self._copied: dict[str, str] = {}
        self._forks: dict[str, str] = {}

    def outcomes(self) -> Iterator[Outcome]:
        for line in read_lines(self._path):
            if not isinstance(line, Line):
                yield line
                continue
            try:
                outcome = self._row(line)
            except UnfitField as error:
                outcome = Rejected(line.number, error.reason, error.field)
            if outcome is not None:
                yield outcome
        for native_id, turns in self._open.items():
            for turn in turns.values():
                yield self._captured(native_id, turn)

    def _row(self, line: Line) -> Outcome | None:
        """What is known now that this row is read: of it, or of an earlier one that waited for more."""
        row = line.value
        kind = row.get("type")
        if kind in {"user", "assistant"}:
            return self._spoken(line, row)
        if kind in _TITLES:
            self._title(row)
            return Skipped(line.number, "title")
        if kind == "system":
            return Skipped(line.number, f"system: {str(row.get('subtype', 'other'))[:40]}")
        if kind in _BOOKKEEPING:
            return Skipped(line.number, str(kind))
        if isinstance(kind, str):
            return Skipped(line.number, f"unknown type {kind[:40]}")
        raise UnfitField("type", f"expected text, not {json_type(kind)}")

    def _spoken(self, line: Line, row: Mapping[str, Any]) -> Outcome | None:
        message = row.get("message")
        if not isinstance(message, dict):
            raise UnfitField("message", f"expected an object, not {json_type(message)}")
        if row.get("isMeta") is True:
            return Skipped(line.number, "meta row")
        if message.get("model") == "<synthetic>":
            return Skipped(line.number, "synthetic message")
        part = Part(row, moment_of(row), blocks_of(message))
        uuid = identifier_of(row, "uuid")
        native_id = (identifier_of(message, "id") if row["type"] == "assistant" else None) or uuid
        if native_id is None:
            raise UnfitField("uuid", "expected the id of the row")
        session = self._conversation_of(row, uuid)
        if uuid is not None:
            self._last_row[session] = uuid
            if uuid in self._leaves:
                self._keep_title(session, self._leaves.pop(uuid))
        return self._place(session, native_id, line, uuid, part)

    def _place(self, session: str, native_id: str, line: Line, uuid: str | None, part: Part) -> Outcome | None:
        turns = self._open.setdefault(session, OrderedDict())
        turn = turns.get(native_id)
        earlier = turn.rows if turn else self._closed.get((session, native_id), [])
        if uuid is not None and any(known == uuid for known, _ in earlier):
            return Merged(line.number)
        if turn is not None:
            turn.add(part)
            turn.rows.append((uuid, line.offset))
            turn.warning = turn.warning or line.warning
            return Merged(line.number)
        turn = self._turn(session, native_id, line, earlier, part)
        turn.rows.append((uuid, line.offset))
        oldest = turns.popitem(last=False)[1] if len(turns) >= _OPEN_TURNS else None
        turns[native_id] = turn
        return self._captured(session, oldest) if oldest else None

    def _turn(
        self, session: str, native_id: str, line: Line, earlier: list[tuple[str | None, int]], part: Part
    ) -> Turn:
        parts = [part_of(read_line_at(self._path, offset)) for _, offset in earlier] if earlier else []
        parts.append(part)
        turn = Turn(native_id, line.number, parts[0], warning=line.warning)
        turn.rows.extend(earlier)
        for one in parts:
            turn.add(one)
        if not line.value.get("forkedFrom"):
            turn.forked_from = self._forks.pop(session, None)
        return turn

    def _captured(self, session: str, turn: Turn) -> Captured:
        if turn.first.row["type"] == "assistant":
            self._closed[session, turn.native_id] = turn.rows
        return turn.captured(self._path, self._conversation(session))

    def _conversation_of(self, row: Mapping[str, Any], uuid: str | None) -> str:
        session = identifier_of(row, "sessionId") or self._path.stem
        if row.get("isSidechain") is True:
            return f"{session}/{identifier_of(row, 'agentId') or 'sidechain'}"
        fork = row.get("forkedFrom")
        if isinstance(fork, dict) and (original := identifier_of(fork, "sessionId")):
            if original != session:
                self._forks[session] = original
            if uuid is not None:
                self._copied[uuid] = original
            return original
        # `/branch` writes copied rows a second time, without the stamp (anthropics/claude-code#40363).
        return self._copied.get(uuid, session) if uuid is not None else session

    def _conversation(self, native_id: str) -> Conversation:
        given = self._titles.get(native_id)
        title = given[1] if given else None
        known = self._conversations.get(native_id)
        if known is None or known.title != title:
            known = self._conversations[native_id] = Conversation(
                id=conversation_id(self._space, self._source, native_id),
                space=self._space,
                source=self._source,
                native_id=native_id,
                title=title,
            )
        return known

    def _title(self, row: Mapping[str, Any]) -> None:
        kind = row["type"]
        text = row.get(_TITLES[kind])
        if not isinstance(text, str) or not text.strip():
            return
        title = (list(_TITLES).index(kind), text.strip())
        leaf = row.get("leafUuid")
        if kind != "summary":
            self._keep_title(identifier_of(row, "sessionId") or self._path.stem, title)
        elif isinstance(leaf, str):
            session = next((name for name, last in self._last_row.items() if last == leaf), None)
            if session is None:
                self._leaves[leaf] = title
            else:
                self._keep_title(session, title)

    def _keep_title(self, session: str, title: tuple[int, str]) -> None:
        if session not in self._titles or self._titles[session][0] <= title[0]:
            self._titles[session] = title
