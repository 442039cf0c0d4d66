"""The account of imports, kept in the catalog."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from aethergrid_pipelines.records.tables import ImportedFile, Reject, table_of
from aethergrid_pipelines.stores.catalog import Catalog

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from aethergrid_pipelines.capture.account import FileAccount, Known
    from aethergrid_pipelines.capture.protocol import Rejected

SHOWN_REJECTS = 100

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

    def known(self, fingerprint: str, *, space: str, path: str) -> "Known | None":
        """The last import of this file, where it was complete and is sealed with this fingerprint; what was stored
        then counts as merged. With its first hundred rejects, by line."""
        from aethergrid_pipelines.capture.account import Known

        mine = and_(_files.c.space == space, _files.c.path == path, _files.c.fingerprint == fingerprint)
        with self._catalog.reading() as connection:
            row = connection.execute(select(_files).where(mine, _files.c.complete)).mappings().first()
            if row is None or row["receipt"] is None:
                return None
            rejects = _kept_rejects(connection, row) if row["rejected"] else []
        return Known(_account(row), row["receipt"], rejects)

    def seal(self, fingerprints: Mapping[tuple[str, str], str], receipt: str, *, space: str) -> None:
        """Keep the fingerprints of files that were finished, by (source, path), and the store's receipt for them."""
        mine = and_(
            _files.c.space == space,
            _files.c.source == bindparam("of_source"),
            _files.c.path == bindparam("of_path"),
            _files.c.complete,
        )
        rows = [
            {"of_source": source, "of_path": path, "sealed": fingerprint}
            for (source, path), fingerprint in fingerprints.items()
        ]
        with self._catalog.writing() as connection:
            connection.execute(
                update(_files).where(mine).values(fingerprint=bindparam("sealed"), receipt=receipt), rows
            )


def _account(row: "RowMapping") -> "FileAccount":
    from aethergrid_pipelines.capture.account import Account, FileAccount

    account = Account(
        read=row["read"],
        merged=row["merged"] + row["stored"],
        skipped=Counter(row["skipped"]),
        rejected=row["rejected"],
    )
    account.tell(Counter(row["secrets"]).elements(), redacted=row["redacted"] > 0)
    return FileAccount(
        row["path"],
        source=row["source"],
        size=row["size"],
        modified_at=row["modified_at"],
        account=account,
        mended=row["mended"],
        complete=True,
        unchanged=True,
    )


def _kept_rejects(connection: Connection, row: "RowMapping") -> "list[Rejected]":
    from aethergrid_pipelines.capture.protocol import Rejected

    mine = and_(*(_rejects.c[name] == row[name] for name in ("space", "source", "path")))
    query = select(_rejects.c.line, _rejects.c.reason, _rejects.c.field).where(mine).order_by(_rejects.c.line)
    return [Rejected(*found) for found in connection.execute(query.limit(SHOWN_REJECTS))]
