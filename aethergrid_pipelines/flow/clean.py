"""``cleaned_messages``: every captured message as the chunker reads it."""

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import Table

from aethergrid_pipelines.flow.handed_on import HandedOn
from aethergrid_pipelines.flow.scope import Stale
from aethergrid_pipelines.flow.step import CatalogStep, Made
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import CleanedMessageRow, table_of


class CleanStep(CatalogStep):
    """Reads the messages from the conversation store, once for each stale conversation."""

    name = "cleaned_messages"
    upstream = "raw_conversations"
    table: Table = table_of(CleanedMessageRow)

    def code_version(self, stores: Stores) -> str:
        from aethergrid_pipelines.transform.clean import CLEAN_VERSION

        return CLEAN_VERSION

    def transform(self, stores: Stores, batch: Sequence[Stale], handed: HandedOn) -> dict[str, Made]:
        from aethergrid_pipelines.transform.clean import clean

        made = {item.conversation_id: Made([]) for item in batch}
        messages = stores.conversations.messages(list(made))
        for conversation, group in groupby(messages, key=lambda message: message.conversation_id):
            cleaned = clean(list(group))
            counts = {
                "dropped": sum(1 for message in cleaned if message.dropped),
                "noise": sum(len(message.noise) for message in cleaned),
            }
            made[conversation] = Made([dict(message) for message in cleaned], counts)
        return made
