"""Followed files into the conversation store: whatever changed since it was last read is read again.

A file is read whole: what its end says may change what its beginning means (titles, rewinds, responses in pieces), and
the store tells what it has from what is new. Only then its position is written, so that a process that is killed at any
moment reads again and loses nothing.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.account import Account, FileAccount
from aethergrid_pipelines.capture.archive import Archive
from aethergrid_pipelines.capture.file_identity import Change, Identity, change_of, identify
from aethergrid_pipelines.capture.half_line import HALF_WRITTEN, HoldingBack
from aethergrid_pipelines.capture.importer import ImportJournal, import_paths
from aethergrid_pipelines.capture.positions import Position, Positions
from aethergrid_pipelines.capture.protocol import Source
from aethergrid_pipelines.capture.redaction import REDACTING, Redaction
from aethergrid_pipelines.capture.registry import sources
from aethergrid_pipelines.capture.tool_folders import FollowedFolder
from aethergrid_pipelines.stores.conversations import ConversationStore


class Interrupted(Exception):
    """Somebody asked to stop while a file was read; it will be read again."""


@dataclass(frozen=True, slots=True)
class Read:
    """A file was read. ``half_line``: its last line is not complete yet; ``settled``: nothing was written while it was
    read; ``seconds`` is how long it took; ``error`` says why it could not be read to its end."""

    path: Path
    change: Change
    source: str | None
    account: Account = field(default_factory=Account)
    half_line: bool = False
    archived: bool = False
    settled: bool = True
    seconds: float = 0.0
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``."""
        told = {"event": "file", "path": str(self.path), "change": self.change.value, "source": self.source}
        return {
            **told,
            **self.account.as_json(),
            "half_line": self.half_line,
            "archived": self.archived,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Gone:
    """A file that was followed is gone; ``archived``: whether there is a copy."""

    path: Path
    archived: bool

    def as_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``."""
        return {"event": "gone", "path": str(self.path), "archived": self.archived}


@dataclass(slots=True)
class Follower:
    """Reads what changed in some folders. Used by one thread. ``archive`` is ``None`` where no copies are wanted.

    Methods raise ``StoreUnavailable`` and :class:`Interrupted`; what was being read then is read again.
    """

    folders: Sequence[FollowedFolder]
    store: ConversationStore
    space: str
    positions: Positions
    journal: ImportJournal | None = None
    archive: Archive | None = None
    stopped: Callable[[], bool] = lambda: False
    redaction: Redaction = REDACTING

    def candidates(self) -> list[Path]:
        """The files that are followed and there, oldest first, so that history comes in as it happened; then those
        that were read and are gone."""
        found = {path: _modified(path) for folder in self.folders for path in folder.files()}
        for path in self.positions.paths():
            if self.holds(path):
                found.setdefault(path, float("inf"))
        return sorted(found, key=lambda path: (found[path], path))

    def holds(self, path: Path) -> bool:
        """Whether a file at ``path`` would be followed."""
        return any(folder.holds(path) for folder in self.folders)

    def scan(self) -> Iterator[Read | Gone]:
        """Look at every file once."""
        for path in self.candidates():
            if self.stopped():
                return
            found = self.look(path)
            if found is not None:
                yield found

    def look(self, path: Path) -> Read | Gone | None:
        """Read one file if it changed; ``None`` where it did not."""
        if not _storable(path):
            return Read(path, Change.NEW, None, error="its name is not UTF-8: rename it")
        before = self.positions.of(path)
        try:
            now = identify(path)
            change = change_of(path, before.identity if before else None, now)
            return None if change is Change.UNCHANGED else self._changed(path, change, now)
        except FileNotFoundError:
            return self._gone(path) if before else None
        except OSError as error:
            return Read(path, Change.NEW, None, error=error.strerror or str(error))

    def _changed(self, path: Path, change: Change, now: Identity) -> Read | None:
        source = None
        if change in {Change.NEW, Change.REPLACED} and (moved := self._moved(path, now)):
            old, position = moved
            if position.identity.same_moment(now) and position.identity.head == now.head:
                return self._renamed(old, path, position)
            change, source = Change.RENAMED, sources().get(position.source or "")
        source = source or self._source_of(path)
        if source is None:
            self._keep(path, now, None)
            return None
        return self._read(path, source, change, now)

    def _read(self, path: Path, source: Source, change: Change, now: Identity) -> Read:
        begun = time.monotonic()
        holding = HoldingBack(source)
        with self.archive.locked() if self.archive else nullcontext():
            report = import_paths(
                [path],
                store=self.store,
                space=self.space,
                source=holding,
                journal=self.journal,
                redaction=self.redaction,
            )
            if report.interrupted:
                raise Interrupted
            file = report.files[0] if report.files else FileAccount(str(path), error="no such file")
            archived = self._archive(path, holding, file) if file.complete else False
        kept = file.complete and self._keep(path, now, source.name)
        return Read(
            path,
            change,
            source.name,
            file.account,
            half_line=HALF_WRITTEN in file.account.skipped,
            archived=archived,
            settled=kept,
            seconds=time.monotonic() - begun,
            error=file.error,
        )

    def _archive(self, path: Path, holding: HoldingBack, file: FileAccount) -> bool:
        if self.archive is None:
            return False
        if "forgotten" in file.account.skipped:
            self.archive.drop(path)
            return False
        try:
            return bool(holding.conversations) and self.archive.keep(path, holding.name, holding.conversations)
        except FileNotFoundError:
            # Deleted between the reading and the copying: its messages are stored.
            return False

    def _keep(self, path: Path, then: Identity, source: str | None) -> bool:
        """Write down that the file was read as it was ``then``, unless it may have been another one."""
        try:
            now = identify(path)
        except OSError:
            return False
        same = (now.device, now.inode) == (then.device, then.inode)
        if same and then.settled:
            self.positions.keep(path, Position(then, source))
            return then.same_moment(now)
        return False

    def _moved(self, path: Path, now: Identity) -> tuple[Path, Position] | None:
        found = self.positions.elsewhere(now)
        if found is None or found[0] == path:
            return None
        try:
            return None if found[0].stat().st_ino == now.inode else found
        except OSError:
            return found

    def _renamed(self, old: Path, path: Path, position: Position) -> Read:
        self.positions.keep(path, position)
        # Another file may stand under the old name by now; it was not read.
        self.positions.drop(old)
        return Read(path, Change.RENAMED, position.source)

    def _gone(self, path: Path) -> Read | Gone:
        try:
            if self.archive is not None:
                self.archive.seal(path)
        except OSError as error:
            # It is looked at again.
            return Read(path, Change.UNCHANGED, None, error=f"its copy cannot be redacted: {error.strerror or error}")
        self.positions.drop(path)
        return Gone(path, self.archive is not None and self.archive.holds(path))

    def _source_of(self, path: Path) -> Source | None:
        for folder in self.folders:
            if folder.holds(path) and (source := folder.source_of(path)):
                return source
        return None


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def _storable(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
