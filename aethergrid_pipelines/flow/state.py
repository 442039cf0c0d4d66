"""Step states: the memory of what each step last processed, and the queries that find what is stale.

A conversation is stale for a step when the output version of the step before, the day, or the step's own code version
differs from what the step recorded. It is gone when the step before no longer knows it.
"""

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
)

from aethergrid_pipelines.flow.batches import SQL_VARIABLES, pages
from aethergrid_pipelines.flow.scope import Output, Scope, Stale
from aethergrid_pipelines.records.tables import StepState, table_of
from aethergrid_pipelines.stores.bulk_insert import insert_rows
from aethergrid_pipelines.stores.catalog import Catalog

PAGE = 1_000

Shape = Literal["ids", "days"]
"""How a scope selects: by its conversations, or by its days."""

_state = table_of(StepState)


def stale(catalog: Catalog, *, step: str, upstream: str, code_version: str, scope: Scope) -> Iterator[Stale]:
    """The stale conversations of a step by (day, id), read page by page, so that the history may be of any size."""
    about = {"step": step, "upstream": upstream, "code_version": code_version}
    for part in _parts(scope):
        # Conversations come in one page, and those of days begin with the first one.
        last = (part.first, "")
        while True:
            after = {} if part.ids else {"last_day": last[0], "last_id": last[1]}
            with catalog.reading() as connection:
                rows = connection.execute(_stale(_shape(part)), {**about, **after, **_values(part)}).all()
            for row in sorted(rows, key=lambda row: (row.day, row.conversation_id)):
                yield Stale(row.conversation_id, row.day, row.output_version, row.rows)
            if len(rows) < PAGE:
                break
            last = (rows[-1].day, rows[-1].conversation_id)


def gone(catalog: Catalog, *, step: str, upstream: str, scope: Scope) -> Iterator[str]:
    """The conversations that the step has rows of and the step before no longer knows."""
    about = {"step": step, "upstream": upstream}
    for part in _parts(scope):
        with catalog.reading() as connection:
            found = connection.execute(_gone(_shape(part)), {**about, **_values(part)}).scalars().all()
        yield from found


def known(connection: Connection, *, step: str, scope: Scope) -> Iterator[tuple[str, str, str, dt.date]]:
    """What a step recorded: (conversation id, input version, code version, day), by id."""
    for part in _parts(scope):
        for row in connection.execute(_known(_shape(part)), {"step": step, **_values(part)}):
            yield row.conversation_id, row.input_version, row.code_version, row.day


def days(connection: Connection, *, step: str) -> set[dt.date]:
    """The days of which a step has conversations."""
    return set(connection.execute(select(_state.c.day).where(_state.c.step == step).distinct()).scalars())


def days_of(catalog: Catalog, *, step: str, conversation_ids: Iterable[str]) -> set[dt.date]:
    """The days under which a step recorded these conversations."""
    found: set[dt.date] = set()
    for page in pages(conversation_ids):
        with catalog.reading() as connection:
            found.update(row[3] for row in known(connection, step=step, scope=Scope.conversations(page)))
    return found


def unchanged(connection: Connection, upstream: str, batch: Sequence[Stale]) -> set[str]:
    """Those of a batch whose input is still what was read; the others stay stale for whoever changed them.

    Inside a writing transaction the answer holds until its end: PostgreSQL locks the rows, SQLite has one writer.
    """
    versions = {item.conversation_id: (item.input_version, item.day) for item in batch}
    rows = connection.execute(_locking(), {"step": upstream, "ids": list(versions)})
    return {row.conversation_id for row in rows if versions[row.conversation_id] == (row.output_version, row.day)}


def record(
    connection: Connection,
    *,
    step: str,
    code_version: str,
    run_id: str,
    batch: Iterable[Stale],
    outputs: Mapping[str, Output],
) -> None:
    """Remember what was made of the conversations in ``outputs``."""
    now = dt.datetime.now(dt.UTC)
    rows: list[dict[str, Any]] = [
        {
            "step": step,
            "conversation_id": item.conversation_id,
            "day": item.day,
            "input_version": item.input_version,
            "code_version": code_version,
            "output_version": outputs[item.conversation_id].version,
            "rows": outputs[item.conversation_id].rows,
            "processed_at": now,
            "run_id": run_id,
        }
        for item in batch
        if item.conversation_id in outputs
    ]
    if rows:
        forget(connection, step=step, conversation_ids=[row["conversation_id"] for row in rows])
        insert_rows(connection, _state, rows)


def forget(connection: Connection, *, step: str, conversation_ids: Collection[str]) -> None:
    """Forget that a step processed these conversations."""
    for page in pages(conversation_ids):
        connection.execute(_deleting(), {"step": step, "ids": page})


def row_count(connection: Connection, *, step: str, scope: Scope) -> tuple[int, int]:
    """How many conversations and rows a step has in a scope."""
    conversations, rows = 0, 0
    for part in _parts(scope):
        query = select(func.count(), func.coalesce(func.sum(_state.c.rows), 0)).where(
            _state.c.step == step, _within(_state, _shape(part))
        )
        found = connection.execute(query, _values(part)).one()
        conversations, rows = conversations + found[0], rows + int(found[1])
    return conversations, rows


def digest(*parts: Any) -> str:
    """A version made of values: equal values, equal version. 32 hexadecimal digits."""
    return hashlib.blake2b(orjson.dumps(parts), digest_size=16).hexdigest()


def _parts(scope: Scope) -> Iterator[Scope]:
    """The scope itself, or pieces of it that fit into one statement."""
    if scope.ids is None:
        yield scope
        return
    for page in pages(sorted(scope.ids), SQL_VARIABLES):
        yield Scope.conversations(page)


def _shape(scope: Scope) -> Shape:
    return "days" if scope.ids is None else "ids"


def _values(scope: Scope) -> dict[str, Any]:
    """What the parameters of :func:`_within` are for a scope."""
    return {"first": scope.first, "last": scope.last} if scope.ids is None else {"ids": sorted(scope.ids)}


def _within(table: FromClause, shape: Shape) -> ColumnElement[bool]:
    if shape == "ids":
        return table.c.conversation_id.in_(bindparam("ids", expanding=True))
    # Not «=», even for one day: SQLite, asked for a day's conversations in the order of their ids, would then take the
    # primary key, which has that order, and read all days: 4 ms instead of 0.03 among 100,000 messages.
    return table.c.day.between(bindparam("first"), bindparam("last"))


# Statements are built once: SQLAlchemy takes longer to put one of these together than SQLite to run it.


@cache
def _stale(shape: Shape) -> Select[Any]:
    up, own = _state.alias("up"), _state.alias("own")
    after = tuple_(bindparam("last_day", type_=up.c.day.type), bindparam("last_id", type_=String))
    changed = or_(
        own.c.conversation_id.is_(None),
        own.c.input_version != up.c.output_version,
        own.c.code_version != bindparam("code_version"),
        own.c.day != up.c.day,
    )
    found = (
        select(up.c.conversation_id, up.c.day, up.c.output_version, up.c.rows)
        .select_from(
            up.outerjoin(own, and_(own.c.step == bindparam("step"), own.c.conversation_id == up.c.conversation_id))
        )
        .where(up.c.step == bindparam("upstream"), _within(up, shape), changed)
    )
    if shape == "ids":
        # Asked for an order, SQLite reads all days in it for a batch of many ids.
        return found
    order = (up.c.day, up.c.conversation_id)
    return found.where(tuple_(*order) > after).order_by(*order).limit(PAGE)


@cache
def _gone(shape: Shape) -> Select[Any]:
    up, own = _state.alias("up"), _state.alias("own")
    return (
        select(own.c.conversation_id)
        .select_from(
            own.outerjoin(up, and_(up.c.step == bindparam("upstream"), up.c.conversation_id == own.c.conversation_id))
        )
        .where(own.c.step == bindparam("step"), up.c.conversation_id.is_(None), _within(own, shape))
    )


@cache
def _known(shape: Shape) -> Select[Any]:
    columns = (_state.c.conversation_id, _state.c.input_version, _state.c.code_version, _state.c.day)
    mine = select(*columns).where(_state.c.step == bindparam("step"), _within(_state, shape))
    return mine.order_by(_state.c.conversation_id)


@cache
def _locking() -> Select[Any]:
    mine = _state.c.conversation_id.in_(bindparam("ids", expanding=True))
    return (
        select(_state.c.conversation_id, _state.c.output_version, _state.c.day)
        .where(_state.c.step == bindparam("step"), mine)
        .order_by(_state.c.conversation_id)
        .with_for_update()
    )


@cache
def _deleting() -> Delete:
    mine = _state.c.conversation_id.in_(bindparam("ids", expanding=True))
    return delete(_state).where(_state.c.step == bindparam("step"), mine)
