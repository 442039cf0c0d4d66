"""Which conversations a step is asked about, what it found stale, and what it reports."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field


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
    """What a step did, and for which days. ``counts`` holds its figures (tokens, embedded, upserted, deleted…)."""

    step: str
    processed: int = 0
    rows: int = 0
    erased: int = 0
    postponed: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    days: set[dt.date] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)
    retryable: bool = False

    def fail(self, conversation_id: str, reason: str, *, retryable: bool) -> None:
        """Note that a conversation stays stale; the first hundred reasons are kept."""
        self.counts["failed"] += 1
        self.retryable = self.retryable or retryable
        if len(self.failures) < 100:
            self.failures[conversation_id] = reason
