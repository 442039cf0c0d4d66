"""``chunks``: pieces of messages that fit the embedder's window."""

from collections.abc import Sequence

from sqlalchemy import Table

from aethergrid_pipelines.flow.handed_on import HandedOn
from aethergrid_pipelines.flow.scope import Stale
from aethergrid_pipelines.flow.step import CatalogStep, Made, input_rows
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.flow import CleanedMessage
from aethergrid_pipelines.records.tables import ChunkRow, CleanedMessageRow, table_of


class ChunkStep(CatalogStep):
    """The tokenizer and the window are the embedder's, so another embedder of another window cuts anew."""

    name = "chunks"
    upstream = "cleaned_messages"
    table: Table = table_of(ChunkRow)

    def code_version(self, stores: Stores) -> str:
        from aethergrid_pipelines.transform.chunk import CHUNK_VERSION

        return f"{CHUNK_VERSION}:{stores.embedder.tokenizer.name}:{stores.embedder.window}"

    def transform(self, stores: Stores, batch: Sequence[Stale], handed: HandedOn) -> dict[str, Made]:
        from aethergrid_pipelines.transform.chunk import chunk

        source: Table = table_of(CleanedMessageRow)
        made = {}
        cleaned = input_rows(stores, handed, self.upstream, source, batch, "timestamp", "position", "id")
        for conversation, rows in cleaned.items():
            messages = [CleanedMessage.model_construct(**row) for row in rows]
            chunks = chunk(messages, stores.embedder.tokenizer, stores.embedder.window)
            made[conversation] = Made(
                [dict(piece) for piece in chunks], {"tokens": sum(piece.tokens for piece in chunks)}
            )
        return made
