"""What the flow holds, counted in the catalog: for the API, the command line and dashboards."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, and_, func, select

from aethergrid_pipelines.flow.accounts import SourceGroup, source_accounts
from aethergrid_pipelines.records.tables import (
    ChunkRow,
    ConversationRow,
    StepState,
    TopicStatRow,
    Vector,
    table_of,
)
from aethergrid_pipelines.stores.catalog import Catalog

MOST_DAYS = 400
MOST_GROUPS = 200

# Not the views of sql/views, which group by day first and count conversations: three times as long.
_topics, _states = table_of(TopicStatRow), table_of(StepState)


@dataclass(frozen=True, slots=True)
class Group:
    """How much there is of one topic, task type, model or day."""

    name: str
    fragments: int
    tokens: int


@dataclass(frozen=True, slots=True)
class DayGroup:
    """A UTC day: its conversations (by their first message) with their messages."""

    day: dt.date
    conversations: int
    messages: int


@dataclass(frozen=True, slots=True)
class StepGroup:
    """How far a step is: conversations that it processed, rows that it made, when it last did something."""

    step: str
    conversations: int
    rows: int
    last_processed_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class OriginGroup:
    """A source that conversations have, whichever way they came in."""

    source: str
    conversations: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts over all spaces; where one is asked for, only chunks, vectors, fragments and steps are still of all.

    ``fragments`` counts those that their step saw stored. Groups are the largest ones, days the latest.
    """

    conversations: int
    messages: int
    chunks: int
    vectors: int
    fragments: int
    models: list[Group]
    topics: list[Group]
    task_types: list[Group]
    days: list[DayGroup]
    steps: list[StepGroup]
    sources: list[SourceGroup]
    origins: list[OriginGroup]


def overview(catalog: Catalog, *, space: str | None = None) -> Overview:
    """Some ten aggregates in one read. Raises ``StoreUnavailable``."""
    with catalog.reading() as connection:
        days = _days(connection, space)
        conversations, messages = _conversations(connection, space)
        steps = step_groups(connection)
        return Overview(
            conversations=conversations,
            messages=messages,
            chunks=_count(connection, table_of(ChunkRow)),
            vectors=_count(connection, table_of(Vector)),
            fragments=next(group.rows for group in steps if group.step == "weaviate_fragments"),
            models=_groups(connection, "source_model", space),
            topics=_groups(connection, "topic", space),
            task_types=_groups(connection, "task_type", space),
            days=days,
            steps=steps,
            sources=source_accounts(connection, space),
            origins=_origins(connection, space),
        )


def _one(connection: Connection, query: Any) -> int:
    return int(connection.execute(query).scalar_one() or 0)


def _count(connection: Connection, rows: Table) -> int:
    return _one(connection, select(func.count()).select_from(rows))


def _conversations(connection: Connection, space: str | None) -> tuple[int, int]:
    rows = table_of(ConversationRow)
    query = select(func.count(), func.coalesce(func.sum(rows.c.message_count), 0))
    found = connection.execute(_of(query, rows, space)).one()
    return int(found[0]), int(found[1])


def _days(connection: Connection, space: str | None) -> list[DayGroup]:
    rows = table_of(ConversationRow)
    query = select(rows.c.day, func.count(), func.sum(rows.c.message_count))
    query = _of(query, rows, space).group_by(rows.c.day).order_by(rows.c.day.desc()).limit(MOST_DAYS)
    found = connection.execute(query).all()
    return [DayGroup(row[0], int(row[1]), int(row[2])) for row in reversed(found)]


def _origins(connection: Connection, space: str | None) -> list[OriginGroup]:
    rows = table_of(ConversationRow)
    amount = func.count()
    query = _of(select(rows.c.source, amount), rows, space).group_by(rows.c.source)
    found = connection.execute(query.order_by(amount.desc(), rows.c.source).limit(MOST_GROUPS))
    return [OriginGroup(row[0], int(row[1])) for row in found]


def _groups(connection: Connection, name: str, space: str | None) -> list[Group]:
    by = _topics.c[name]
    amount = func.sum(_topics.c.fragments)
    query = _of(select(by, amount, func.sum(_topics.c.tokens)), _topics, space)
    found = connection.execute(query.group_by(by).order_by(amount.desc(), by).limit(MOST_GROUPS))
    return [Group(str(row[0]), int(row[1]), int(row[2])) for row in found]


def step_groups(connection: Connection) -> list[StepGroup]:
    """How far each step is, in flow order."""
    from aethergrid_pipelines.flow.steps import CHAIN

    query = select(_states.c.step, func.count(), func.sum(_states.c.rows), func.max(_states.c.processed_at)).group_by(
        _states.c.step
    )
    found = {row[0]: StepGroup(row[0], int(row[1]), int(row[2] or 0), row[3]) for row in connection.execute(query)}
    return [found.get(step.name) or StepGroup(step.name, 0, 0, None) for step in CHAIN]


def _of(query: Any, rows: Any, space: str | None) -> Any:
    return query if space is None else query.where(rows.c.space == space)


def last_runs(catalog: Catalog) -> dict[str, str]:
    """The id of the run that last processed something, by step. Reads all step states."""
    latest = select(_states.c.step, func.max(_states.c.processed_at).label("at")).group_by(_states.c.step).subquery()
    newest = and_(_states.c.step == latest.c.step, _states.c.processed_at == latest.c.at)
    query = select(_states.c.step, func.max(_states.c.run_id)).join(latest, newest).group_by(_states.c.step)
    with catalog.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}
