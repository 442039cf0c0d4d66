"""The account of imports, kept in the catalog."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, insert, update

from aethergrid_pipelines.records.tables import ImportedFile, Reject, table_of
from aethergrid_pipelines.stores.catalog import Catalog

if TYPE_CHECKING:
    from aethergrid_pipelines.capture.account import FileAccount
    from aethergrid_pipelines.capture.protocol import Rejected

_files, _rejects = table_of(ImportedFile), table_of(Reject)


class CatalogJournal:
    """An ``ImportJournal`` (:mod:`aethergrid_pipelines.capture.importer`): one row a file, one row a reject."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def begin(self, *, space: str, source: str, path: str) -> None:
        """Forget the rejects of an earlier import of this file, whose account is that of no whole reading until
        ``finish``."""
        mine = and_(_rejects.c.space == space, _rejects.c.source == source, _rejects.c.path == path)
        account = and_(_files.c.space == space, _files.c.source == source, _files.c.path == path)
        with self._catalog.writing() as connection:
            connection.execute(delete(_rejects).where(mine))
            connection.execute(update(_files).where(account).values(complete=False))

    def reject(self, rejects: "Sequence[Rejected]", *, space: str, source: str, path: str) -> None:
        """Keep these rejects."""
        now = dt.datetime.now(dt.UTC)
        rows = [
            {
                "id": str(uuid.uuid4()),
                "space": space,
                "source": source,
                "path": path,
                "line": reject.line,
                "field": reject.field,
                "reason": reject.reason.replace("\x00", ""),
                "rejected_at": now,
            }
            for reject in rejects
        ]
        if rows:
            with self._catalog.writing() as connection:
                connection.execute(insert(_rejects), rows)

    def finish(self, file: "FileAccount", *, space: str) -> None:
        """Keep the account of a file in place of an earlier one."""
        account = file.account
        key = and_(_files.c.space == space, _files.c.source == file.source, _files.c.path == file.path)
        row = {
            "space": space,
            "source": file.source,
            "path": file.path,
            "size": file.size,
            "modified_at": file.modified_at,
            "read": account.read,
            "stored": account.stored,
            "updated": account.updated,
            "merged": account.merged,
            "skipped": dict(account.skipped),
            "rejected": account.rejected,
            "mended": file.mended,
            "redacted": account.redacted.total(),
            "flagged": account.flagged.total(),
            "secrets": dict(account.redacted + account.flagged),
            "complete": file.complete,
            "error": file.error,
            "imported_at": dt.datetime.now(dt.UTC),
        }
        with self._catalog.writing() as connection:
            connection.execute(delete(_files).where(key))
            connection.execute(insert(_files), row)
