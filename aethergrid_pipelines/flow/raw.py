"""``raw_conversations``: which conversations there are, in which version. Their messages stay where they are."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Table, delete

from aethergrid_pipelines.flow import state
from aethergrid_pipelines.flow.batches import pages
from aethergrid_pipelines.flow.handed_on import HandedOn
from aethergrid_pipelines.flow.scope import Output, Scope, Stale, StepReport
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import ConversationRow, table_of
from aethergrid_pipelines.stores.bulk_insert import insert_rows
from aethergrid_pipelines.stores.conversations import ConversationState

RAW_VERSION = "1"

RECORDING_LOCK = "recording"
"""Held from reading the store's versions until they are recorded: two that replaced the same rows at once would both
insert them, and an older version could come after a newer one. The other steps lock the rows of the step before."""


class RawStep:
    """Compares the conversation store with what is recorded; the store's version is the output version."""

    name = "raw_conversations"
    upstream = ""
    table: Table = table_of(ConversationRow)

    def code_version(self, stores: Stores) -> str:
        return RAW_VERSION

    def stale(self, stores: Stores, scope: Scope) -> Iterator[Stale]:
        for part in _days(stores, scope):
            recorded = self._recorded(stores, part)
            for found in self._states(stores, part):
                own = recorded.get(found.conversation.id)
                if own != (found.version, RAW_VERSION, found.day):
                    yield Stale(found.conversation.id, found.day, found.version, found.message_count)

    def gone(self, stores: Stores, scope: Scope) -> Iterator[str]:
        for part in _days(stores, scope):
            recorded = self._recorded(stores, part)
            present = {found.conversation.id for found in self._states(stores, part)}
            missing = [conversation for conversation in recorded if conversation not in present]
            for page in pages(missing):
                # One that moved to another day is still there: the run of its new day takes it over.
                elsewhere = {found.conversation.id for found in stores.conversations.states(ids=page)}
                yield from (conversation for conversation in page if conversation not in elsewhere)

    def run(self, stores: Stores, batch: Sequence[Stale], report: StepReport, *, run_id: str, handed: HandedOn) -> None:
        ids = [item.conversation_id for item in batch]
        with stores.catalog.locked([RECORDING_LOCK]):
            found = {item.conversation.id: item for item in stores.conversations.states(ids=ids)}
            current = [Stale(one.conversation.id, one.day, one.version, one.message_count) for one in found.values()]
            with stores.catalog.writing(durable=False) as connection:
                connection.execute(delete(self.table).where(self.table.c.id.in_(ids)))
                insert_rows(connection, self.table, [_row(item) for item in found.values()])
                state.record(
                    connection,
                    step=self.name,
                    code_version=RAW_VERSION,
                    run_id=run_id,
                    batch=current,
                    outputs={item.conversation_id: Output(item.input_version, item.rows) for item in current},
                )
        report.processed += len(found)
        report.rows += len(found)
        report.postponed += len(batch) - len(found)
        report.counts["messages"] += sum(item.message_count for item in found.values())

    def erase(self, stores: Stores, conversation_ids: Sequence[str]) -> int:
        with stores.catalog.writing() as connection:
            done = connection.execute(delete(self.table).where(self.table.c.id.in_(conversation_ids)))
            state.forget(connection, step=self.name, conversation_ids=conversation_ids)
        return done.rowcount

    def _recorded(self, stores: Stores, scope: Scope) -> dict[str, tuple[str, str, object]]:
        with stores.catalog.reading() as connection:
            return {row[0]: row[1:] for row in state.known(connection, step=self.name, scope=scope)}

    @staticmethod
    def _states(stores: Stores, scope: Scope) -> Iterator[ConversationState]:
        if scope.ids is not None:
            return stores.conversations.states(ids=scope.ids)
        return stores.conversations.states(day=scope.first)


def _days(stores: Stores, scope: Scope) -> Iterator[Scope]:
    """The days of a scope that the store or the catalog knows, one at a time: a day is what is held in memory."""
    if scope.ids is not None or scope.first == scope.last:
        # Nobody has to look through all days for one of them, which the sensor asks for after each change.
        yield scope
        return
    days = {day for day, _ in stores.conversations.days()}
    with stores.catalog.reading() as connection:
        days |= state.days(connection, step=RawStep.name)
    for day in sorted(days):
        if scope.first <= day <= scope.last:
            yield Scope.day(day)


def _row(found: ConversationState) -> dict[str, object]:
    conversation = found.conversation
    return {
        "id": conversation.id,
        "space": conversation.space,
        "source": conversation.source,
        # PostgreSQL refuses NUL in text; the conversation store keeps what was captured.
        "native_id": conversation.native_id.replace("\x00", ""),
        "title": conversation.title.replace("\x00", "") if conversation.title else None,
        "day": found.day,
        "first_at": found.first_at,
        "last_at": found.last_at,
        "message_count": found.message_count,
    }
