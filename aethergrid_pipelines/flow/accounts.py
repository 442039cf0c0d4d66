"""The accounts of imports as the catalog keeps them, and whether they add up."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from aethergrid_pipelines.records.tables import ImportedFile, Reject, table_of

_files, _rejects = table_of(ImportedFile), table_of(Reject)


@dataclass(frozen=True, slots=True)
class FileGroup:
    """The account of one file, in records. ``kept`` is how many of its rejects the catalog holds; ``complete`` is
    whether it was read to its end, and ``error`` why not. ``secrets`` are those in it by kind, of which ``redacted``
    were replaced and ``flagged`` left in."""

    space: str
    source: str
    path: str
    read: int
    stored: int
    updated: int
    merged: int
    skipped: dict[str, int]
    rejected: int
    kept: int
    redacted: int
    flagged: int
    secrets: dict[str, int]
    complete: bool
    error: str | None
    imported_at: dt.datetime

    @property
    def unaccounted(self) -> int:
        """Records that were read and have no outcome; less than none where outcomes were counted twice."""
        return self.read - self.stored - self.merged - sum(self.skipped.values()) - self.rejected


@dataclass(slots=True)
class SourceGroup:
    """The account of all files of a source: read = stored + merged + skipped + rejected, in records, unless
    ``unbalanced`` (files) says otherwise. ``redacted`` and ``flagged`` are the secrets in them that were replaced, and
    left in; ``secrets`` counts both by kind."""

    source: str
    files: int = 0
    incomplete: int = 0
    unbalanced: int = 0
    read: int = 0
    stored: int = 0
    merged: int = 0
    skipped: int = 0
    rejected: int = 0
    redacted: int = 0
    flagged: int = 0
    secrets: dict[str, int] = field(default_factory=dict)
    last_import_at: dt.datetime | None = None

    def add(self, file: FileGroup) -> None:
        """Count a file of this source."""
        self.files += 1
        self.incomplete += not file.complete
        self.unbalanced += imbalance(file) is not None
        self.read += file.read
        self.stored += file.stored
        self.merged += file.merged
        self.skipped += sum(file.skipped.values())
        self.rejected += file.rejected
        self.redacted += file.redacted
        self.flagged += file.flagged
        if file.secrets:
            self.secrets = dict((Counter(self.secrets) + Counter(file.secrets)).most_common())
        self.last_import_at = max(self.last_import_at or file.imported_at, file.imported_at)


def imbalance(file: FileGroup) -> str | None:
    """What does not add up in the account of a file; ``None`` where everything does."""
    if file.unaccounted:
        outcomes = file.read - file.unaccounted
        return f"{file.read} records were read, and {outcomes} have an outcome"
    if min(file.read, file.stored, file.merged, file.rejected, *file.skipped.values()) < 0:
        return "a count is less than none"
    if file.updated > file.stored:
        return f"{file.updated} were updated, and only {file.stored} stored"
    # Rejects are kept while a file is read, its account afterwards: only then both have to agree.
    if file.complete and file.kept != file.rejected:
        return f"{file.rejected} were rejected, and {file.kept} of them are kept"
    if sum(file.secrets.values()) != file.redacted + file.flagged:
        return "secrets by kind are not as many as were redacted and flagged"
    return None


def unbalanced(files: Iterable[FileGroup]) -> Iterator[tuple[FileGroup, str]]:
    """The files whose account does not add up, and why."""
    return ((file, problem) for file in files if (problem := imbalance(file)) is not None)


def file_accounts(connection: Connection, space: str | None = None) -> Iterator[FileGroup]:
    """The accounts of all imported files, by source and path."""
    query = select(_rejects.c.space, _rejects.c.source, _rejects.c.path, func.count())
    kept = {
        (row[0], row[1], row[2]): int(row[3])
        for row in connection.execute(query.group_by(_rejects.c.space, _rejects.c.source, _rejects.c.path))
    }
    names = [name for name in FileGroup.__dataclass_fields__ if name != "kept"]
    rows = select(*(_files.c[name] for name in names)).order_by(_files.c.source, _files.c.path, _files.c.space)
    if space is not None:
        rows = rows.where(_files.c.space == space)
    for row in connection.execute(rows).mappings():
        yield FileGroup(**row, kept=kept.get((row["space"], row["source"], row["path"]), 0))


def source_accounts(connection: Connection, space: str | None = None) -> list[SourceGroup]:
    """The accounts of all imported files, added up by source."""
    groups: dict[str, SourceGroup] = {}
    for file in file_accounts(connection, space):
        groups.setdefault(file.source, SourceGroup(file.source)).add(file)
    return list(groups.values())
