"""A lease in the catalog: at most one live worker follows the change feed, and the sensor knows whether one does."""

import datetime as dt

from sqlalchemy import delete, insert, select, update

from aethergrid_pipelines.records.tables import Lease, table_of
from aethergrid_pipelines.stores.catalog import Catalog

LIVE = "live"

DURATION = dt.timedelta(seconds=15)
"""After so long without renewal the worker counts as gone."""

_leases = table_of(Lease)


def take(catalog: Catalog, name: str, holder: str) -> bool:
    """Take or renew a lease; False while somebody else holds it."""
    now = dt.datetime.now(dt.UTC)
    row = {"holder": holder, "expires_at": now + DURATION}
    with catalog.locked([f"lease-{name}"]), catalog.writing() as connection:
        current = connection.execute(select(_leases).where(_leases.c.name == name)).one_or_none()
        if current is None:
            connection.execute(insert(_leases).values(name=name, **row))
            return True
        if current.holder != holder and _valid(current.expires_at, now):
            return False
        connection.execute(update(_leases).where(_leases.c.name == name).values(**row))
        return True


def release(catalog: Catalog, name: str, holder: str) -> None:
    """Give a lease back; nothing happens where somebody else holds it."""
    with catalog.writing() as connection:
        connection.execute(delete(_leases).where(_leases.c.name == name, _leases.c.holder == holder))


def held(catalog: Catalog, name: str) -> bool:
    """Whether anybody holds a lease now."""
    with catalog.reading() as connection:
        expires_at = connection.execute(select(_leases.c.expires_at).where(_leases.c.name == name)).scalar()
    return expires_at is not None and _valid(expires_at, dt.datetime.now(dt.UTC))


def _valid(expires_at: dt.datetime, now: dt.datetime) -> bool:
    # One that ends later than any could is of a clock that was set back: it does not bind anybody.
    return now < expires_at <= now + DURATION
