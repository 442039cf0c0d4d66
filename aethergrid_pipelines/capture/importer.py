"""Files into the conversation store, with an account of every record."""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aethergrid_pipelines.capture.account import FileAccount, ImportReport, Known
from aethergrid_pipelines.capture.export_file import broken_archive
from aethergrid_pipelines.capture.file_identity import Identity, identify
from aethergrid_pipelines.capture.file_import import FileImport
from aethergrid_pipelines.capture.interrupt import Interrupt, deferred_interrupt
from aethergrid_pipelines.capture.paths import expand
from aethergrid_pipelines.capture.protocol import Outcome, Rejected, Source
from aethergrid_pipelines.capture.redaction import REDACTING, Redaction
from aethergrid_pipelines.capture.registry import detect, source_named, sources
from aethergrid_pipelines.capture.unchanged import LastImports
from aethergrid_pipelines.rare_collections import rare_collections
from aethergrid_pipelines.stores.conversations import ConversationStore
from aethergrid_pipelines.stores.errors import StoreUnavailable

REPORTED_REJECTS = 100
REJECTS_AT_ONCE = 500
FINISHED_AT_ONCE, FINISHED_SECONDS = 100, 1.0
"""Accounts go to the journal together, after so many files or seconds: one by one they took as long as reading small
files. A file whose account got lost is read again, because nothing says that it was read."""


class ImportJournal(Protocol):
    """Where accounts and rejects are kept. For each file that a source reads: ``begin``, ``reject`` (never, once or
    more often), and ``finish`` for some of them at once."""

    def begin(self, *, space: str, source: str, path: str) -> None:
        """A file is read (again): forget its rejects of an earlier import."""
        ...

    def reject(self, rejects: Sequence[Rejected], *, space: str, source: str, path: str) -> None:
        """Keep these rejects, at most 500 at once."""
        ...

    def finish(self, files: Sequence[FileAccount], *, space: str) -> None:
        """Keep the accounts of files in place of earlier ones. Their ``source`` and ``modified_at`` are set."""
        ...

    def known(self, fingerprint: str, *, space: str, path: str) -> Known | None:
        """The last import of this file, where it was complete and is sealed with this fingerprint."""
        ...

    def seal(self, fingerprints: Mapping[tuple[str, str], str], receipt: str, *, space: str) -> None:
        """Keep the fingerprints of files that were finished, by (source, path), and the store's receipt for them."""
        ...


class ImportStopped(StoreUnavailable):
    """The conversation store went away. ``report`` is the account of what was stored before; importing the same
    files again goes on from there, because nothing is stored twice."""

    def __init__(self, message: str, report: ImportReport) -> None:
        super().__init__(message)
        self.report = report


def import_paths(
    paths: Iterable[str | Path],
    *,
    store: ConversationStore,
    space: str,
    source: str | Source = "auto",
    journal: ImportJournal | None = None,
    progress: Callable[[FileAccount], None] | None = None,
    redaction: Redaction = REDACTING,
    reread: bool = False,
) -> ImportReport:
    """Import files, folders and globs into one space, file by file in the order of their paths.

    A file that is what it was at its last complete import, by the ``journal``, is not read again
    (:mod:`aethergrid_pipelines.capture.unchanged`), unless ``reread``.
    ``progress`` is called after each batch and at the end of each file. A file that cannot be read is in the report
    with its error, and the rest goes on. After Ctrl-C what was read is stored and the report says ``interrupted``.
    Raises ``ValueError`` for an unknown source and :class:`ImportStopped` (a ``StoreUnavailable``).
    """
    named = None if source == "auto" else source
    chosen = source_named(named) if isinstance(named, str) else named
    files, problems = expand(paths)
    report = ImportReport([FileAccount(str(path), error=reason) for path, reason in problems])
    last = None
    if journal and (chosen is None or sources().get(chosen.name) is chosen):
        asked = chosen.name if chosen else "auto"
        last = LastImports(journal, store, space, asked=asked, redacts=redaction.redacts, reread=reread)
    run = _Run(report, store, space, journal, progress, redaction, last)
    try:
        with rare_collections(), deferred_interrupt() as interrupt:
            for path in files:
                if interrupt.requested:
                    break
                run.file(path, chosen, interrupt)
            report.interrupted = interrupt.requested
    finally:
        run.settle()
    if last:
        last.seal()
    return report


@dataclass(slots=True)
class _Run:
    report: ImportReport
    store: ConversationStore
    space: str
    journal: ImportJournal | None
    progress: Callable[[FileAccount], None] | None
    redaction: Redaction
    last: LastImports | None = None
    rejects: list[Rejected] = field(default_factory=list)
    finished: list[FileAccount] = field(default_factory=list)
    settled: float = field(default_factory=time.monotonic)

    def settle(self) -> None:
        """Let the journal know of the files that were finished."""
        finished, self.finished = self.finished, []
        self.settled = time.monotonic()
        if self.journal and finished:
            self.journal.finish(finished, space=self.space)

    def file(self, path: Path, chosen: Source | None, interrupt: Interrupt) -> None:
        file = FileAccount(str(path))
        self.report.files.append(file)
        try:
            status = path.stat()
            file.size, file.modified_at = status.st_size, dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
            now = identify(path)
            if self._unchanged(file, now):
                return
            source = chosen or detect(path)
            if source is None:
                file.error = broken_archive(path)
                file.unread = None if file.error else _why_unread(path)
        except OSError as error:
            file.error = error.strerror or str(error)
            return
        if source is not None:
            file.source = source.name
            self._read(file, source, interrupt)
            if self.last and file.complete:
                self.last.note(file, now)
            if len(self.finished) >= FINISHED_AT_ONCE or time.monotonic() - self.settled > FINISHED_SECONDS:
                self.settle()
            if self.last and self.last.full:
                self.settle()
                self.last.seal()
        elif self.progress:
            self.progress(file)

    def _unchanged(self, file: FileAccount, now: Identity) -> bool:
        try:
            known = self.last.recall(file.path, now) if self.last else None
        except StoreUnavailable as error:
            file.error = str(error)
            raise ImportStopped(str(error), self.report) from error
        if known is None:
            return False
        self.report.files[-1] = known.file
        room = REPORTED_REJECTS - len(self.report.rejects)
        self.report.rejects += [(file.path, reject) for reject in known.rejects[:room]]
        if self.progress:
            self.progress(known.file)
        return True

    def _read(self, file: FileAccount, source: Source, interrupt: Interrupt) -> None:
        if self.journal:
            self.journal.begin(space=self.space, source=source.name, path=file.path)
        reading = FileImport(
            self.store, file, rejects=lambda reject: self._reject(file, reject), redaction=self.redaction
        )
        try:
            for outcome in _outcomes(file, source, self.space):
                if reading.take(outcome) and self.progress:
                    self.progress(file)
                if interrupt.requested:
                    break
            else:
                file.complete = file.error is None
            reading.flush()
        except StoreUnavailable as error:
            file.complete = False
            file.error = str(error)
            raise ImportStopped(str(error), self.report) from error
        finally:
            reading.abandon()
            self._finish(file)

    def _reject(self, file: FileAccount, reject: Rejected) -> None:
        if len(self.report.rejects) < REPORTED_REJECTS:
            self.report.rejects.append((file.path, reject))
        self.rejects.append(reject)
        if len(self.rejects) >= REJECTS_AT_ONCE:
            self._hand_over(file)

    def _hand_over(self, file: FileAccount) -> None:
        if self.journal and self.rejects and file.source:
            self.journal.reject(self.rejects, space=self.space, source=file.source, path=file.path)
        self.rejects = []

    def _finish(self, file: FileAccount) -> None:
        self._hand_over(file)
        self.finished.append(file)
        if self.progress:
            self.progress(file)


def _outcomes(file: FileAccount, source: Source, space: str) -> Iterator[Outcome]:
    # Apart from the store's own errors, so that a disk that fails ends one file and not the import.
    try:
        yield from source.read(Path(file.path), space=space)
    except OSError as error:
        file.error = error.strerror or str(error)


def _why_unread(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(2)
    if not head:
        return "empty file"
    if head in {b"\xff\xfe", b"\xfe\xff"}:
        return "UTF-16: save it as UTF-8"
    return "no source recognises this file"
