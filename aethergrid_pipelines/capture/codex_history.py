"""What only the whole of a Codex rollout tells: its session, which lines say the same, and what was rolled back."""

import datetime as dt
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.codex_fork import fingerprint, said_by
from aethergrid_pipelines.capture.codex_item import Form, Item, Kind
from aethergrid_pipelines.capture.codex_row import HEADER, Row, read_row
from aethergrid_pipelines.capture.fields import UnfitField
from aethergrid_pipelines.capture.jsonl import Line

_PAIRED = frozenset({Kind.USER, Kind.AGENT, Kind.ASSISTANT, Kind.THOUGHT})
_TURNS = frozenset({Kind.USER, Kind.AGENT})
# Citations are taken out of what the screen shows.
_CITATION = re.compile(r"<oai-mem-citation>.*?</oai-mem-citation>", re.DOTALL)
# Copied lines are written in one go; what people add takes them longer.
_BURST = dt.timedelta(seconds=1)


@dataclass(slots=True)
class _Message:
    """One message in its forms: where it first stands, and the line that stands for it."""

    line: int
    moment: dt.datetime | None
    stands: int


@dataclass(slots=True)
class History:
    """The result of a first reading; lines are numbered from 1.

    ``twins`` are lines whose message another line stands for, ``earliest`` the moments of messages that were written
    in another form before. Lines up to ``copied`` came from ``parent``; ``original`` says whether its file is there.
    """

    session: dict[str, Any] = field(default_factory=dict)
    begun: dt.datetime | None = None
    title: str | None = None
    twins: set[int] = field(default_factory=set)
    earliest: dict[int, dt.datetime | None] = field(default_factory=dict)
    undone: list[tuple[int, int]] = field(default_factory=list)
    copied: int = 0
    original: bool = False
    parent: str | None = None

    def rolled_back(self, line: int) -> bool:
        """Whether the turn that a line belongs to was rolled back."""
        return any(first <= line < last for first, last in self.undone)


def read_history(path: Path, lines: Iterable[Line]) -> History:
    """Go through the lines of a rollout. Holds some 200 bytes a message, not their texts; raises ``OSError``."""
    reading = _Reading(path)
    for line in lines:
        try:
            row = read_row(line.value)
        except UnfitField:
            continue
        reading.row(line.number, row)
    return reading.history


class _Reading:
    def __init__(self, path: Path) -> None:
        self.history = History()
        self._path = path
        self._messages: dict[tuple[Kind, int], tuple[list[_Message], dict[Form, int]]] = {}
        self._turns: list[int] = []
        self._copying = False
        self._ancestor = False
        self._original: Collection[int] = frozenset()
        self._latest: dt.datetime | None = None

    def row(self, number: int, row: Row) -> None:
        if self._latest and row.moment and abs(row.moment - self._latest) > _BURST:
            self._copying = False
        if row.type == HEADER:
            self._header(row)
        if isinstance(row.says, Item):
            self._copy(number, row)
            self._item(number, row.says, row.moment)
        self._latest = row.moment or self._latest

    def _header(self, row: Row) -> None:
        history = self.history
        if history.session:
            self._ancestor = self._ancestor or row.payload.get("id") == history.parent
            return
        history.session = dict(row.payload)
        history.begun = row.moment
        history.parent = _parent_of(row.payload)
        if history.parent is not None:
            self._copying = True
            found = said_by(history.parent, self._path)
            history.original = found is not None
            self._original = found or frozenset()

    def _copy(self, number: int, row: Row) -> None:
        if not self._copying:
            return
        self._copying = fingerprint(row.payload) in self._original if self.history.original else self._ancestor
        if self._copying:
            self.history.copied = number

    def _item(self, number: int, item: Item, moment: dt.datetime | None) -> None:
        if item.kind in _PAIRED:
            # The parts of a reasoning are told one by one, those of a message together; pictures by their number.
            whole = "".join(item.texts) or f"\0{len(item.metadata.get('attachments', ()))}"
            for part in item.texts if item.kind is Kind.THOUGHT else [whole]:
                self._pair(number, item, part, moment)
        elif item.kind is Kind.TITLE:
            self.history.title = item.texts[0].strip() or self.history.title
        elif item.kind is Kind.ROLLBACK and item.turns and self._turns:
            first = self._turns[-item.turns] if item.turns <= len(self._turns) else self._turns[0]
            self.history.undone.append((first, number))
            del self._turns[-item.turns :]

    def _pair(self, number: int, item: Item, text: str, moment: dt.datetime | None) -> None:
        """The n-th time that a text is said in one form is the n-th time that it is said in another."""
        plain = "".join(_CITATION.sub("", text).split())
        messages, counts = self._messages.setdefault((item.kind, hash(plain)), ([], {}))
        place = counts.get(item.form, 0)
        counts[item.form] = place + 1
        if place == len(messages):
            messages.append(_Message(number, moment, number))
            if item.kind in _TURNS:
                self._turns.append(number)
            return
        message = messages[place]
        if item.form is Form.ITEM:
            self.history.twins.add(message.stands)
            message.stands = number
            self.history.earliest[number] = message.moment
        else:
            self.history.twins.add(number)


def _parent_of(session: Any) -> str | None:
    origin = session.get("source")
    subagent = origin.get("subagent") if isinstance(origin, dict) else None
    spawn = subagent.get("thread_spawn") if isinstance(subagent, dict) else None
    found = (
        session.get("forked_from_id"),
        session.get("parent_thread_id"),
        spawn.get("parent_thread_id") if isinstance(spawn, dict) else None,
    )
    return next((parent for parent in found if isinstance(parent, str) and parent), None)
