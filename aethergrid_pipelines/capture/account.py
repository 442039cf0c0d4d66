"""Accounts of imports: what became of every record that was read."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aethergrid_pipelines.capture.protocol import Rejected

# Reasons are counted by their text, some of which comes from files: so many are told apart.
MAX_REASONS = 100
OTHER_REASONS = "other reasons"


@dataclass(slots=True)
class Account:
    """Records by outcome: read = stored + merged + skipped + rejected + spooled. ``updated`` are those of ``stored``
    that replaced an older content; ``spooled`` ones are durable, and not in the store yet.

    ``redacted`` are the secrets that were replaced, by kind, and ``flagged`` those that were found and left in."""

    read: int = 0
    stored: int = 0
    updated: int = 0
    merged: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    spooled: int = 0
    redacted: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)

    def tell(self, kinds: Iterable[str], *, redacted: bool) -> None:
        """Count the secrets of a message."""
        (self.redacted if redacted else self.flagged).update(kinds)

    def skip(self, reason: str, count: int = 1) -> None:
        """Count skipped records by their reason."""
        known = reason in self.skipped or len(self.skipped) < MAX_REASONS
        self.skipped[reason if known else OTHER_REASONS] += count

    def add(self, other: "Account") -> None:
        """Add another account to this one."""
        self.read += other.read
        self.stored += other.stored
        self.updated += other.updated
        self.merged += other.merged
        self.rejected += other.rejected
        self.spooled += other.spooled
        self.redacted.update(other.redacted)
        self.flagged.update(other.flagged)
        for reason, count in other.skipped.items():
            self.skip(reason, count)

    def adds_up(self) -> bool:
        """Whether every record that was read has one outcome."""
        outcomes = self.stored + self.merged + self.skipped.total() + self.rejected + self.spooled
        return self.read == outcomes and self.updated <= self.stored

    def as_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``; the reasons by how often they occurred."""
        return {
            "read": self.read,
            "stored": self.stored,
            "updated": self.updated,
            "merged": self.merged,
            "skipped": dict(self.skipped.most_common()),
            "rejected": self.rejected,
            "redacted": dict(self.redacted.most_common()),
            "flagged": dict(self.flagged.most_common()),
        }


@dataclass(slots=True)
class FileAccount:
    """One file: what it was when it was read, and what became of its records.

    ``source`` is ``None`` where no source recognised the file; ``unread`` then says why nothing was read of it.
    ``error`` says why reading it ended early; ``complete`` is whether it was read to its end. ``unchanged``: it was
    not read again, and the account is that of its last import, with all that was stored then as merged.
    """

    path: str
    source: str | None = None
    size: int = 0
    modified_at: dt.datetime | None = None
    account: Account = field(default_factory=Account)
    mended: int = 0
    unread: str | None = None
    error: str | None = None
    complete: bool = False
    unchanged: bool = False

    def as_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``."""
        return {
            "path": self.path,
            "source": self.source,
            **self.account.as_json(),
            "mended": self.mended,
            "unread": self.unread,
            "error": self.error,
            "complete": self.complete,
            "unchanged": self.unchanged,
        }


@dataclass(frozen=True, slots=True)
class Known:
    """An earlier import of a file: its account with ``unchanged`` set, the store's receipt, its first rejects."""

    file: FileAccount
    receipt: str
    rejects: list[Rejected]


@dataclass(slots=True)
class ImportReport:
    """What an import did. ``rejects`` are the first hundred, as (path, reject); a journal gets all of them."""

    files: list[FileAccount] = field(default_factory=list)
    rejects: list[tuple[str, Rejected]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def total(self) -> Account:
        """The accounts of all files, added up."""
        total = Account()
        for file in self.files:
            total.add(file.account)
        return total

    @property
    def errors(self) -> list[FileAccount]:
        """The files that could not be read, or not to their end."""
        return [file for file in self.files if file.error]

    def adds_up(self) -> bool:
        """Whether the account of every file does."""
        return all(file.account.adds_up() for file in self.files)

    def as_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``."""
        rejects = [
            {"path": path, "line": reject.line, "field": reject.field, "reason": reject.reason}
            for path, reject in self.rejects
        ]
        return {
            "total": self.total.as_json(),
            "adds_up": self.adds_up(),
            "interrupted": self.interrupted,
            "files": [file.as_json() for file in self.files],
            "rejects": rejects,
        }
