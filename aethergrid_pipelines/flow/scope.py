"""Which conversations a step is asked about, what it found stale, and what it reports."""

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MOST_REASONS = 100


@dataclass(frozen=True, slots=True)
class Scope:
    """Days (both ends included) or conversations by id. Days select by the conversation's own day."""

    first: dt.date = dt.date.min
    last: dt.date = dt.date.max
    ids: frozenset[str] | None = None

    @classmethod
    def day(cls, day: dt.date) -> "Scope":
        """One partition."""
        return cls(day, day)

    @classmethod
    def conversations(cls, ids: list[str]) -> "Scope":
        """These conversations, whatever their day."""
        return cls(ids=frozenset(ids))


@dataclass(frozen=True, slots=True)
class Stale:
    """A conversation that a step has to process: its day, the input's version, and how many rows the input has."""

    conversation_id: str
    day: dt.date
    input_version: str
    rows: int


@dataclass(frozen=True, slots=True)
class Output:
    """What a step made of one conversation."""

    version: str
    rows: int


@dataclass(slots=True)
class StepReport:
    """What a step did, and for which days. ``counts`` holds its figures (tokens, embedded, upserted, deleted…).

    ``seconds`` are those of its batches, added up, whether or not they were under way at once. ``failed`` names the
    conversations that stay stale, ``failures`` says why, of the first :data:`MOST_REASONS` of them.
    """

    step: str
    processed: int = 0
    rows: int = 0
    erased: int = 0
    postponed: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    days: set[dt.date] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)
    retryable: bool = False

    def fail(self, conversation_id: str, reason: str, *, retryable: bool) -> None:
        """Note that a conversation stays stale."""
        self.counts["failed"] += 1
        self.retryable = self.retryable or retryable
        self.failed.add(conversation_id)
        if len(self.failures) < MOST_REASONS:
            self.failures[conversation_id] = reason

    def add(self, other: "StepReport") -> None:
        """Take in what another batch of the same step did."""
        self.processed += other.processed
        self.rows += other.rows
        self.erased += other.erased
        self.postponed += other.postponed
        self.seconds += other.seconds
        self.counts.update(other.counts)
        self.days |= other.days
        self.failed |= other.failed
        self.retryable = self.retryable or other.retryable
        for conversation_id, reason in other.failures.items():
            if len(self.failures) < MOST_REASONS:
                self.failures[conversation_id] = reason

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add what the block takes to ``seconds``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - started
