"""A lease in the catalog: at most one live worker follows the change feed, and the sensor knows whether one does."""

import datetime as dt
import os
import socket
import uuid

from sqlalchemy import delete, insert, select, update

from aethergrid_pipelines.records.tables import Lease, table_of
from aethergrid_pipelines.stores.catalog import Catalog

LIVE = "live"

DURATION = dt.timedelta(seconds=15)
"""After so long without renewal the worker counts as gone."""

RENEWED = dt.timedelta(seconds=10)
"""With more left than this, a lease is not renewed: a live worker asks before each of its small batches."""

_leases = table_of(Lease)


def new_holder() -> str:
    """A name for a process that wants a lease; it tells others where to look whether the process still lives."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4()}"


def take(catalog: Catalog, name: str, holder: str) -> bool:
    """Take or renew a lease; False while somebody else holds it."""
    now = dt.datetime.now(dt.UTC)
    mine = _leases.c.name == name, _leases.c.holder == holder
    with catalog.reading() as connection:
        expires_at = connection.execute(select(_leases.c.expires_at).where(*mine)).scalar()
    if expires_at is not None and RENEWED < expires_at - now <= DURATION:
        return True
    row = {"holder": holder, "expires_at": now + DURATION}
    with catalog.locked([f"lease-{name}"]), catalog.writing() as connection:
        current = connection.execute(select(_leases).where(_leases.c.name == name)).one_or_none()
        if current is None:
            connection.execute(insert(_leases).values(name=name, **row))
            return True
        if current.holder != holder and _binds(current.holder, current.expires_at, now):
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
        current = connection.execute(select(_leases).where(_leases.c.name == name)).one_or_none()
    return current is not None and _binds(current.holder, current.expires_at, dt.datetime.now(dt.UTC))


def _binds(holder: str, expires_at: dt.datetime, now: dt.datetime) -> bool:
    # One that ends later than any could is of a clock that was set back: it does not bind anybody.
    return now < expires_at <= now + DURATION and not _dead(holder)


def _dead(holder: str) -> bool:
    """Whether the holder was a process of this machine that is gone: nobody then has to wait for the lease to end."""
    host, process, _ = holder.split(":")
    if host != socket.gethostname() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
