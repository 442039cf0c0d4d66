"""What a source of conversations is: it recognises a file and reads it record by record.

A *record* is what the source counts: mostly a line, or one message of a list. Each record read has exactly one
outcome, so that the account adds up: read = stored + merged + skipped + rejected.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from aethergrid_pipelines.records.conversation import Conversation, Message


class Captured(NamedTuple):
    """A record that holds (or completes) a message. ``warning`` says what had to be mended in it."""

    conversation: Conversation
    message: Message
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """A record that is part of a message which another record stands for."""

    line: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that holds no message, and why (a short, stable reason: it is counted by it)."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that should hold a message and cannot be read."""

    line: int | None
    reason: str
    field: str | None = None


Outcome = Captured | Merged | Skipped | Rejected


class Source(Protocol):
    """One origin of conversations. Implementations are stateless; one small file each."""

    name: str

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether ``path`` is of this source, judging by its name and its first 64 KiB."""
        ...

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """Stream the outcomes of one file, in order, with bounded memory. Bad records are outcomes, not errors;
        raises ``OSError`` when the file cannot be read at all."""
        ...
