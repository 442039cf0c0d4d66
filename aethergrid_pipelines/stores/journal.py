"""The account of imports, kept in the catalog."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, exists, or_, select, update

from aethergrid_pipelines.records.tables import ImportedFile, Reject, table_of
from aethergrid_pipelines.stores.bulk_insert import insert_rows
from aethergrid_pipelines.stores.catalog import Catalog

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from aethergrid_pipelines.capture.account import FileAccount, Known
    from aethergrid_pipelines.capture.protocol import Rejected

SHOWN_REJECTS = 100

_files, _rejects = table_of(ImportedFile), table_of(Reject)


def _of(table: Table) -> ColumnElement[bool]:
    """The rows of one file, which parameters name."""
    columns = table.c
    return and_(*(columns[name] == bindparam(f"of_{name}") for name in ("space", "source", "path")))


_READ_BEFORE = select(
    or_(exists(select(1).where(_of(_files))), exists(select(1).where(_of(_rejects)))),
)
_SEALED = select(_files).where(
    _files.c.space == bindparam("of_space"),
    _files.c.path == bindparam("of_path"),
    _files.c.fingerprint == bindparam("sealed"),
    _files.c.complete,
)
_SEAL = (
    update(_files)
    .where(_of(_files), _files.c.complete)
    .values(fingerprint=bindparam("sealed"), receipt=bindparam("given"))
)


class CatalogJournal:
    """An ``ImportJournal`` (:mod:`aethergrid_pipelines.capture.importer`): one row a file, one row a reject."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def begin(self, *, space: str, source: str, path: str) -> None:
        """Forget the rejects of an earlier import of this file, whose account is that of no whole reading until
        ``finish``."""
        mine = {"of_space": space, "of_source": source, "of_path": path}
        with self._catalog.reading() as connection:
            # Most files are new, and a transaction that writes costs several times what a question does.
            if not connection.execute(_READ_BEFORE, mine).scalar_one():
                return
        with self._catalog.writing() as connection:
            connection.execute(delete(_rejects).where(_of(_rejects)), mine)
            connection.execute(update(_files).where(_of(_files)).values(complete=False), mine)

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
                insert_rows(connection, _rejects, rows)

    def finish(self, files: "Sequence[FileAccount]", *, space: str) -> None:
        """Keep the accounts of files in place of earlier ones."""
        mine = [{"of_space": space, "of_source": file.source, "of_path": file.path} for file in files]
        now = dt.datetime.now(dt.UTC)
        with self._catalog.writing() as connection:
            connection.execute(delete(_files).where(_of(_files)), mine)
            insert_rows(connection, _files, [_row(file, space, now) for file in files])

    def known(self, fingerprint: str, *, space: str, path: str) -> "Known | None":
        """The last import of this file, where it was complete and is sealed with this fingerprint; what was stored
        then counts as merged. With its first hundred rejects, by line."""
        from aethergrid_pipelines.capture.account import Known

        mine = {"of_space": space, "of_path": path, "sealed": fingerprint}
        with self._catalog.reading() as connection:
            row = connection.execute(_SEALED, mine).mappings().first()
            if row is None or row["receipt"] is None:
                return None
            rejects = _kept_rejects(connection, row) if row["rejected"] else []
        return Known(_account(row), row["receipt"], rejects)

    def seal(self, fingerprints: Mapping[tuple[str, str], str], receipt: str, *, space: str) -> None:
        """Keep the fingerprints of files that were finished, by (source, path), and the store's receipt for them."""
        rows = [
            {"of_space": space, "of_source": source, "of_path": path, "sealed": fingerprint, "given": receipt}
            for (source, path), fingerprint in fingerprints.items()
        ]
        with self._catalog.writing() as connection:
            connection.execute(_SEAL, rows)


def _row(file: "FileAccount", space: str, now: dt.datetime) -> dict[str, object]:
    account = file.account
    return {
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
        "imported_at": now,
    }


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
