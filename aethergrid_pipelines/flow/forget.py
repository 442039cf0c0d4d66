"""Forgetting a conversation: nothing of it remains in any store, and the answer proves it."""

import logging
from dataclasses import dataclass

from sqlalchemy import Table, func, select

from aethergrid_pipelines.capture.archive import Archive, archive_path
from aethergrid_pipelines.capture.spool import spool_path
from aethergrid_pipelines.capture.spool_erase import erase_spooled, spooled_of
from aethergrid_pipelines.capture.spool_folder import SpoolFolder
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import (
    ChunkEmbedding,
    ChunkRow,
    CleanedMessageRow,
    ConversationRow,
    FragmentRow,
    StepState,
    TopicStatRow,
    table_of,
)
from aethergrid_pipelines.stores.cache import ANSWERS
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.select import open_shared_cache

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """``found``: whether the conversation was there. ``remains``: how much of it is left, by place; all zero."""

    found: bool
    remains: dict[str, int]


ATTEMPTS = 5
"""How often to look again when another process was just writing what is to be forgotten."""


def forget(stores: Stores, conversation_id: str, *, run_id: str) -> Forgotten:
    """Erase a conversation everywhere, also from the files of the embedded stores, with every archived transcript of
    this machine that holds it, and what of it waits in this machine's spool. Idempotent.

    Raises ``StoreUnavailable``. Where the conversation store does not answer, what is spooled is erased, and the store
    forgets the conversation before it takes anything else of it.
    """
    spool = SpoolFolder(spool_path(stores.settings))
    spooled = erase_spooled(spool, conversation_id)
    ledger = table_of(FragmentRow)
    mine = select(ledger.c.collection).where(ledger.c.conversation_id == conversation_id).distinct()
    with stores.catalog.reading() as connection:
        collections = set(connection.execute(mine).scalars())
    found = _forget_stored(stores, conversation_id, spooled=spooled) or bool(collections) or spooled > 0
    # After the store: whoever copies a transcript from now on sees that this conversation is forgotten.
    archive = Archive(archive_path(stores.settings))
    found = archive.erase(conversation_id) > 0 or found
    if active := stores.vectors.active():
        collections.add(active[0])
    left: dict[str, int] = {}
    for _ in range(ATTEMPTS):
        materialise_all(stores, Scope.conversations([conversation_id]), run_id=run_id)
        left = remains(stores, conversation_id, sorted(collections))
        left |= {"archive": archive.holding(conversation_id), "spool": spooled_of(spool, conversation_id)}
        if not any(left.values()):
            break
    for collection in sorted(collections):
        stores.vectors.optimise(collection, purge=True)
    stores.catalog.purge()
    _forget_answers(stores)
    return Forgotten(found, left)


def _forget_answers(stores: Stores) -> None:
    """No answer of before is given any more, as the index version changed; what Redis still has of their text goes."""
    shared = open_shared_cache(stores.settings)
    if shared is None:
        return
    if not shared.clear(ANSWERS):
        seconds = stores.settings.cache_seconds
        logger.warning("Redis does not answer; what it keeps of answers it gives up by itself within %s s", seconds)
    shared.close()


def _forget_stored(stores: Stores, conversation_id: str, *, spooled: int) -> bool:
    try:
        return stores.conversations.forget(conversation_id)
    except StoreUnavailable as error:
        if not spooled:
            raise
        told = f"{error}; {spooled} spooled messages are erased, and the store forgets the rest when it answers"
        raise StoreUnavailable(told) from error


def remains(stores: Stores, conversation_id: str, collections: list[str]) -> dict[str, int]:
    """How many rows, messages and fragments of a conversation there are, by place."""
    left = {"conversation_store": sum(1 for _ in stores.conversations.states(ids=[conversation_id]))}
    tables = (CleanedMessageRow, ChunkRow, ChunkEmbedding, FragmentRow, TopicStatRow, StepState, ConversationRow)
    with stores.catalog.reading() as connection:
        for row_class in tables:
            table: Table = table_of(row_class)
            column = table.c.id if row_class is ConversationRow else table.c.conversation_id
            query = select(func.count()).select_from(table).where(column == conversation_id)
            left[table.name] = connection.execute(query).scalar_one()
    for collection in collections:
        left[collection] = sum(1 for _ in stores.vectors.ids(collection, conversation_ids=[conversation_id]))
    return left
