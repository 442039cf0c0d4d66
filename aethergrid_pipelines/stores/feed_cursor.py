"""How far the live worker has come in the change feed, kept in the catalog: written after the work that it covers."""

import datetime as dt

from sqlalchemy import delete, insert, select

from aethergrid_pipelines.records.tables import Cursor, table_of
from aethergrid_pipelines.stores.catalog import Catalog

_cursors = table_of(Cursor)


def load(catalog: Catalog, name: str) -> str | None:
    """The cursor, or ``None`` before the first."""
    with catalog.reading() as connection:
        return connection.execute(select(_cursors.c.value).where(_cursors.c.name == name)).scalar()


def save(catalog: Catalog, name: str, value: str) -> None:
    """Remember a cursor."""
    row = {"name": name, "value": value, "updated_at": dt.datetime.now(dt.UTC)}
    with catalog.writing(durable=False) as connection:
        connection.execute(delete(_cursors).where(_cursors.c.name == name))
        connection.execute(insert(_cursors).values(**row))
