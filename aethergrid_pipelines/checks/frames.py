"""What the checks look at: for each asset a DataFrame of one scope, without any text of messages.

At most ``MAX_ROWS`` rows are read, so that memory stays bounded; counts are taken by the database over all of them.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, Table, and_, func, select

from aethergrid_pipelines.flow import state
from aethergrid_pipelines.flow.fragments import fragment_locks
from aethergrid_pipelines.flow.index import collection_name
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
    Vector,
    table_of,
)

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 50_000

CONVERSATIONS, MESSAGES, CHUNKS = table_of(ConversationRow), table_of(CleanedMessageRow), table_of(ChunkRow)
REFERENCES, VECTORS, LEDGER = table_of(ChunkEmbedding), table_of(Vector), table_of(FragmentRow)
TOPICS, STATES = table_of(TopicStatRow), table_of(StepState)


def within(step: str, key: ColumnElement[Any], scope: Scope, *, upstream: str | None = None) -> ColumnElement[bool]:
    """Restrict rows to the conversations that a step has in a scope.

    With ``upstream``, only those that the step processed from what the step before has now: capture goes on while
    checks run, and what came in since is the next run's work, not a fault.
    """
    own, up = STATES.alias("own"), STATES.alias("up")
    mine = select(own.c.conversation_id).where(own.c.step == step, own.c.day.between(scope.first, scope.last))
    if upstream:
        current = and_(
            up.c.step == upstream,
            up.c.conversation_id == own.c.conversation_id,
            up.c.output_version == own.c.input_version,
        )
        mine = mine.join(up, current)
    return key.in_(mine)


def frame(stores: Stores, query: Select[Any]) -> "pd.DataFrame":
    """The rows of a query."""
    import pandas as pd

    with stores.catalog.reading() as connection:
        result = connection.execute(query.limit(MAX_ROWS))
        return pd.DataFrame(result.mappings().all(), columns=list(result.keys()))


def frame_and_total(stores: Stores, query: Select[Any], total: Select[tuple[int]]) -> "tuple[pd.DataFrame, int]":
    """The rows of a query, and a number that they are compared with, both of one moment: the live worker and other
    runs write meanwhile, and a statement is what every database answers from one state."""
    # Uncorrelated: it may be about the same table.
    found = frame(stores, query.add_columns(total.correlate(None).scalar_subquery().label("total")))
    totals = found.pop("total")
    if len(totals):
        return found, int(totals.iloc[0])
    with stores.catalog.reading() as connection:
        return found, int(connection.execute(total).scalar_one())


def counted(table: Table, *conditions: ColumnElement[bool]) -> Select[tuple[int]]:
    """The query for how many rows of a table meet the conditions."""
    return select(func.count()).select_from(table).where(and_(True, *conditions))


def count(stores: Stores, table: Table, *conditions: ColumnElement[bool]) -> int:
    """How many rows of a table meet the conditions."""
    with stores.catalog.reading() as connection:
        return connection.execute(counted(table, *conditions)).scalar_one()


def columns(table: Table, names: Iterable[str]) -> list[ColumnElement[Any]]:
    """Columns of a table by name."""
    return [table.c[name] for name in names]


def vector_frame(stores: Stores, scope: Scope) -> "pd.DataFrame":
    """For each chunk of a scope: ``dimension`` and ``norm`` of its vector, null where it has none."""
    import numpy as np
    import pandas as pd

    query = (
        select(CHUNKS.c.id, VECTORS.c.dimension, VECTORS.c.vector)
        .outerjoin(
            REFERENCES,
            and_(
                REFERENCES.c.conversation_id == CHUNKS.c.conversation_id,
                REFERENCES.c.embedder == stores.embedder.name,
                REFERENCES.c.chunk_id == CHUNKS.c.id,
            ),
        )
        .outerjoin(VECTORS, and_(VECTORS.c.embedder == REFERENCES.c.embedder, VECTORS.c.sha256 == REFERENCES.c.sha256))
        .where(within("embeddings", CHUNKS.c.conversation_id, scope, upstream="chunks"))
        .limit(MAX_ROWS)
    )
    rows = []
    with stores.catalog.reading(streamed=True) as connection:
        for row in connection.execution_options(yield_per=1_000).execute(query):
            vector = np.frombuffer(row.vector, dtype="<f4") if row.vector is not None else None
            norm = float(np.linalg.norm(vector)) if vector is not None else None
            size = len(vector) if vector is not None else None
            rows.append((row.id, row.dimension, size, norm))
    return pd.DataFrame(rows, columns=["id", "dimension", "size", "norm"])


@contextmanager
def unwritten(stores: Stores, scope: Scope) -> Iterator[None]:
    """Nobody writes fragments of these days meanwhile, so that the ledger is not seen half-way."""
    with stores.catalog.reading() as connection:
        days = state.days(connection, step="weaviate_fragments")
    with stores.catalog.locked(fragment_locks(day for day in days if scope.first <= day <= scope.last)):
        yield


def ledger_frame(stores: Stores, scope: Scope) -> "pd.DataFrame":
    """The ids of a scope's fragments: what the ledger says (``state``) beside what the vector store has (``found``).

    ``unknown``, in every row, is how many fragments of these conversations the store has and the ledger does not know.
    """
    collection = collection_name(stores)
    query = select(*columns(LEDGER, ["id", "conversation_id", "state", "complexity", "topic"])).where(
        LEDGER.c.collection == collection,
        within("weaviate_fragments", LEDGER.c.conversation_id, scope, upstream="embeddings"),
    )
    with unwritten(stores, scope):
        ledger = frame(stores, query.order_by(LEDGER.c.conversation_id))
        conversations = sorted(set(ledger["conversation_id"]))
        if len(ledger) == MAX_ROWS:
            conversations.pop()
            ledger = ledger[ledger["conversation_id"].isin(conversations)]
        found = set(stores.vectors.ids(collection, conversation_ids=conversations)) if conversations else set()
    return ledger.assign(found=ledger["id"].isin(found), unknown=len(found - set(ledger["id"])))
