"""The version of what queries can find: a row of the catalog that is another one after every change.

An answer may be kept under the version that was read *before* it was searched for. Whoever changes the vector store
changes the version afterwards, in the transaction that writes down the change as done. So the searches that did not
see a change all carry an older version than is read once it is done, in whatever process they ran. A writer that is
killed in between has not finished: its ledger rows make the next run repeat it, version included.
"""

import uuid

from sqlalchemy import Connection, select, update

from aethergrid_pipelines.records.tables import IndexVersion, table_of
from aethergrid_pipelines.stores.catalog import Catalog

_versions = table_of(IndexVersion)


def change(connection: Connection) -> None:
    """Give the index another version when this transaction commits. The last statement of it: others wait for the row.

    Random and not a number, so that catalogs that share a cache, or one that begins anew, never have the same.
    """
    connection.execute(update(_versions).values(version=uuid.uuid4().hex))


def current(catalog: Catalog) -> str:
    """The version now: 0.1 ms on SQLite, 0.3 ms on a PostgreSQL nearby. Raises ``StoreUnavailable``."""
    with catalog.reading() as connection:
        version: str = connection.execute(select(_versions.c.version)).scalar_one()
    return version
