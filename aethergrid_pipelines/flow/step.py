"""What a step is, and the kind that rests in catalog tables alone."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from sqlalchemy import Select, Table, bindparam, delete, select

from aethergrid_pipelines.flow import state
from aethergrid_pipelines.flow.batches import pages
from aethergrid_pipelines.flow.handed_on import HandedOn
from aethergrid_pipelines.flow.scope import Output, Scope, Stale, StepReport
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import ConversationRow, table_of
from aethergrid_pipelines.stores.bulk_insert import insert_rows

Row = dict[str, Any]


class Step(Protocol):
    """One asset's work. ``run`` leaves every conversation of its batch either fully processed or fully as it was."""

    name: str
    upstream: str

    def code_version(self, stores: Stores) -> str:
        """What decides, besides the input, what comes out: versions of code and models."""
        ...

    def stale(self, stores: Stores, scope: Scope) -> Iterator[Stale]:
        """What has to be processed."""
        ...

    def gone(self, stores: Stores, scope: Scope) -> Iterator[str]:
        """What has to be erased."""
        ...

    def run(self, stores: Stores, batch: Sequence[Stale], report: StepReport, *, run_id: str, handed: HandedOn) -> None:
        """Process a batch and record what was made of it. ``handed`` has what the steps before made of it just now,
        and gets what the next one needs."""
        ...

    def erase(self, stores: Stores, conversation_ids: Sequence[str]) -> int:
        """Remove what the step made of these conversations; returns how many rows that were."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """The rows that a step made of one conversation, and figures to add to its report."""

    rows: list[Row]
    counts: Mapping[str, int] = field(default_factory=dict)


class ChainedStep(ABC):
    """A step whose input is what the step before recorded in the catalog."""

    name: str
    upstream: str

    @abstractmethod
    def code_version(self, stores: Stores) -> str: ...

    def stale(self, stores: Stores, scope: Scope) -> Iterator[Stale]:
        return state.stale(
            stores.catalog,
            step=self.name,
            upstream=self.upstream,
            code_version=self.code_version(stores),
            scope=scope,
        )

    def gone(self, stores: Stores, scope: Scope) -> Iterator[str]:
        return state.gone(stores.catalog, step=self.name, upstream=self.upstream, scope=scope)


class CatalogStep(ChainedStep):
    """A step that reads what the step before made and replaces the rows of each conversation in one table."""

    table: Table

    @abstractmethod
    def transform(self, stores: Stores, batch: Sequence[Stale], handed: HandedOn) -> dict[str, Made]:
        """The rows of each conversation of the batch (also where there are none)."""

    def run(self, stores: Stores, batch: Sequence[Stale], report: StepReport, *, run_id: str, handed: HandedOn) -> None:
        made = self.transform(stores, batch, handed)
        headers = header_versions(stores, [item.conversation_id for item in batch])
        with stores.catalog.writing(durable=False) as connection:
            current = state.unchanged(connection, self.upstream, batch)
            for page in pages(current):
                connection.execute(delete(self.table).where(self.table.c.conversation_id.in_(page)))
            rows = [row for conversation in sorted(current) for row in made[conversation].rows]
            insert_rows(connection, self.table, rows)
            outputs = {
                conversation: Output(
                    state.digest(headers.get(conversation), *made[conversation].rows), len(made[conversation].rows)
                )
                for conversation in current
            }
            state.record(
                connection,
                step=self.name,
                code_version=self.code_version(stores),
                run_id=run_id,
                batch=batch,
                outputs=outputs,
            )
        handed.give(self.name, outputs, {conversation: made[conversation].rows for conversation in current})
        report.processed += len(current)
        report.postponed += len(batch) - len(current)
        report.rows += len(rows)
        for conversation in current:
            report.counts.update(made[conversation].counts)

    def erase(self, stores: Stores, conversation_ids: Sequence[str]) -> int:
        with stores.catalog.writing() as connection:
            done = connection.execute(delete(self.table).where(self.table.c.conversation_id.in_(conversation_ids)))
            state.forget(connection, step=self.name, conversation_ids=conversation_ids)
        return done.rowcount


def header_versions(stores: Stores, conversation_ids: Sequence[str]) -> dict[str, str]:
    """A version of what each conversation's fragments show of its header: title, source and space.

    It is part of every output version, so that a new title reaches the vector store although no message changed.
    """
    found: dict[str, str] = {}
    with stores.catalog.reading() as connection:
        for page in pages(conversation_ids):
            rows = connection.execute(_headers(), {"ids": page})
            found.update({row.id: state.digest(*row[1:]) for row in rows})
    return found


def input_rows(
    stores: Stores, handed: HandedOn, upstream: str, table: Table, batch: Sequence[Stale], *order: str
) -> dict[str, list[Row]]:
    """The rows of each conversation of a batch, as :func:`read_rows` gives them: those that the step before has just
    made from what it handed on, the others from its table."""
    there = handed.take(upstream, batch, order)
    ids = [item.conversation_id for item in batch]
    read = read_rows(stores, table, [conversation for conversation in ids if conversation not in there], *order)
    return {conversation: there[conversation] if conversation in there else read[conversation] for conversation in ids}


def read_rows(stores: Stores, table: Table, conversation_ids: Sequence[str], *order: str) -> dict[str, list[Row]]:
    """The rows of each conversation in a table, ordered by these columns; conversations without rows are present."""
    found: dict[str, list[Row]] = {conversation: [] for conversation in conversation_ids}
    if not found:
        return found
    with stores.catalog.reading() as connection:
        for page in pages(conversation_ids):
            result = connection.execute(_rows(table, order), {"ids": page})
            names = tuple(result.keys())
            for values in result.all():
                row = dict(zip(names, values, strict=True))
                found[row["conversation_id"]].append(row)
    return found


# Built once, as the statements of :mod:`.state` are.


@cache
def _headers() -> Select[Any]:
    table: Table = table_of(ConversationRow)
    mine = table.c.id.in_(bindparam("ids", expanding=True))
    return select(table.c.id, table.c.title, table.c.source, table.c.space).where(mine)


@cache
def _rows(table: Table, order: tuple[str, ...]) -> Select[Any]:
    mine = table.c.conversation_id.in_(bindparam("ids", expanding=True))
    return select(table).where(mine).order_by(*(table.c[name] for name in order))
