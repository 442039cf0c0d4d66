"""The latest conversations, as the catalog knows them."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select

from aethergrid_pipelines.records.tables import ConversationRow, table_of
from aethergrid_pipelines.stores.catalog import Catalog


@dataclass(frozen=True, slots=True)
class RecentConversation:
    """A conversation without its messages."""

    id: str
    source: str
    title: str | None
    message_count: int
    first_at: dt.datetime
    last_at: dt.datetime


def recent_conversations(catalog: Catalog, *, space: str, limit: int) -> list[RecentConversation]:
    """Those of ``space`` that were spoken in last, latest first. Raises ``StoreUnavailable``."""
    rows = table_of(ConversationRow)
    columns = [rows.c[name] for name in ("id", "source", "title", "message_count", "first_at", "last_at")]
    query = select(*columns).where(rows.c.space == space).order_by(rows.c.last_at.desc(), rows.c.id).limit(limit)
    with catalog.reading() as connection:
        return [RecentConversation(*row) for row in connection.execute(query)]
