"""``topic_stats``: what the conversations are about, by topic, task type and model."""

from collections.abc import Sequence

from sqlalchemy import Table, select

from aethergrid_pipelines.flow.batches import pages
from aethergrid_pipelines.flow.handed_on import HandedOn
from aethergrid_pipelines.flow.index import collection_name
from aethergrid_pipelines.flow.scope import Stale
from aethergrid_pipelines.flow.step import CatalogStep, Made, Row
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import ConversationRow, FragmentRow, TopicStatRow, table_of

COUNTED = ("conversation_id", "topic", "task_type", "source_model", "tokens_used", "complexity", "timestamp")
"""What the statistics read of a ledger row."""


class TopicStep(CatalogStep):
    """Counts what the ledger holds, by conversation; the view ``topic_stats_daily`` adds it up."""

    name = "topic_stats"
    upstream = "weaviate_fragments"
    table: Table = table_of(TopicStatRow)

    def code_version(self, stores: Stores) -> str:
        from aethergrid_pipelines.transform.topics import TOPICS_VERSION

        return TOPICS_VERSION

    def transform(self, stores: Stores, batch: Sequence[Stale], handed: HandedOn) -> dict[str, Made]:
        from aethergrid_pipelines.transform.topics import topic_stats

        ledger: Table = table_of(FragmentRow)
        headers: Table = table_of(ConversationRow)
        fragments: dict[str, list[Row]] = {item.conversation_id: [] for item in batch}
        found: dict[str, Row] = {}
        with stores.catalog.reading() as connection:
            for page in pages(fragments):
                mine = select(*(ledger.c[name] for name in COUNTED)).where(
                    ledger.c.conversation_id.in_(page),
                    ledger.c.collection == collection_name(stores),
                )
                for row in connection.execute(mine.order_by(ledger.c.id)).mappings():
                    fragments[row["conversation_id"]].append(dict(row))
                for row in connection.execute(select(headers).where(headers.c.id.in_(page))).mappings():
                    found[row["id"]] = dict(row)
        days = {item.conversation_id: item.day for item in batch}
        return {
            conversation: Made(
                [
                    dict(stat)
                    for stat in topic_stats({**found[conversation], "day": days[conversation]}, fragments[conversation])
                ]
                if conversation in found
                else []
            )
            for conversation in fragments
        }
