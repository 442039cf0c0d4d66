"""The conversation store: what capture appends to and the flow reads from."""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from aethergrid_pipelines.records.conversation import Conversation, Message


class HistoryLost(Exception):
    """The change feed no longer reaches back to this cursor: scan the store instead, then go on from a new cursor."""


MAX_MESSAGE_BYTES = 16_000_000
"""The content and the other texts of one message, as UTF-8. A BSON document ends at 16 MiB; every store keeps to it,
so that a memory can move from one to another."""


class Appended(StrEnum):
    """What became of one message."""

    STORED = "stored"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FORGOTTEN = "forgotten"


class MessagesTooLarge(ValueError):
    """Messages beyond :data:`MAX_MESSAGE_BYTES` (``ids``) were refused. All others of the batch are stored:
    ``outcomes`` is what ``append`` would have returned, with ``None`` for each one that was refused."""

    def __init__(self, ids: list[str], outcomes: list[list[Appended | None]]) -> None:
        super().__init__(f"larger than {MAX_MESSAGE_BYTES} bytes: message {', '.join(ids)}")
        self.ids = ids
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class ConversationState:
    """One conversation and the version of its content: two equal versions mean that nothing changed in between."""

    conversation: Conversation
    day: dt.date
    version: str
    message_count: int
    first_at: dt.datetime
    last_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A conversation that was written or forgotten, and its day."""

    conversation_id: str
    day: dt.date


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes in order, and the cursor from which to go on (also where there are none)."""

    changes: list[Change]
    cursor: str


class ConversationStore(Protocol):
    """Thread-safe. Every method raises ``stores.errors.StoreUnavailable`` when the store cannot be reached.

    A conversation belongs to the UTC day of its first message; a message that comes in earlier moves it.
    """

    def append(self, batch: Sequence[tuple[Conversation, Sequence[Message]]]) -> list[list[Appended]]:
        """Store messages by id; the result has one outcome per message, in the order given.

        A message whose digest is already there is left alone (``UNCHANGED``), one with another digest is replaced
        (``UPDATED``), and those of a forgotten conversation are not stored again (``FORGOTTEN``). A message that
        was read off a page (``RENDERED``) leaves the same one of another origin alone (``UNCHANGED``). A title that is
        set replaces an older one. When a message is equal, or an edit changes nothing, the version stays as it is. A
        crash in between never leaves a change that no later reader can see. A conversation without a message is not
        stored.

        Raises :class:`MessagesTooLarge` after everything else is stored, and ``ValueError``, with nothing stored, for
        a message of another conversation or without a time zone.
        """
        ...

    def states(self, *, day: dt.date | None = None, ids: Collection[str] | None = None) -> Iterator[ConversationState]:
        """The conversations of a day, or those of ``ids`` that exist, or all, by id. Forgotten ones are absent."""
        ...

    def days(self) -> list[tuple[dt.date, int]]:
        """The days that have conversations, ascending, with how many."""
        ...

    def messages(self, conversation_ids: Sequence[str]) -> Iterator[Message]:
        """All messages of these conversations, conversation by conversation in the order given; within one, ordered
        by (timestamp, position, id). Each once, streamed; a conversation that is written to meanwhile may be read
        half before and half after, and has another version then."""
        ...

    def forget(self, conversation_id: str) -> bool:
        """Erase a conversation with all its messages; only its id and day remain, so that it does not come back.

        False where there is no such conversation (also a second time). The change feed reports it.
        """
        ...

    def changes(self, cursor: str | None, *, limit: int = 1_000, wait: float = 0.0) -> ChangePage:
        """The conversations that changed after ``cursor`` (``None``: from now on), at most ``limit``.

        Where there are none, wait up to ``wait`` seconds for the first. Raises :class:`HistoryLost`.
        """
        ...

    def receipt(self) -> str:
        """A receipt for all that was stored until now: at most 64 characters, kept by the store, another at each
        call."""
        ...

    def honours(self, receipt: str) -> bool:
        """Whether all that was stored before this receipt was given is still here, but for what was forgotten. A
        store that was replaced, emptied or put back to an earlier copy honours none of what it lost. Costs one look,
        however much is stored."""
        ...

    def ping(self) -> None:
        """Raise ``StoreUnavailable`` unless the store answers now."""
        ...

    def close(self) -> None:
        """Release connections; idempotent."""
        ...
