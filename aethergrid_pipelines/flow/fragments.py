"""``weaviate_fragments``: sends the vector store the difference, and keeps a ledger of what it may hold."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Delete, Table, Update, and_, bindparam, delete, select, update
from sqlalchemy import Row as SqlRow

from aethergrid_pipelines.flow import index_version, state
from aethergrid_pipelines.flow.batches import pages
from aethergrid_pipelines.flow.embed import EmbedStep, input_vectors
from aethergrid_pipelines.flow.handed_on import HandedOn
from aethergrid_pipelines.flow.index import collection_name, ensure_collection
from aethergrid_pipelines.flow.labels import open_enricher
from aethergrid_pipelines.flow.scope import Output, Scope, Stale, StepReport
from aethergrid_pipelines.flow.step import ChainedStep, Row, input_rows
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.flow import Chunk, Fragment
from aethergrid_pipelines.records.tables import ChunkRow, ConversationRow, FragmentRow, table_of
from aethergrid_pipelines.stores.bulk_insert import insert_rows

_ledger: Table = table_of(FragmentRow)
_chunks: Table = table_of(ChunkRow)
_headers: Table = table_of(ConversationRow)

KnownRow = SqlRow[tuple[str, str, str, str]]
"""Of the ledger: id, conversation, hash of the payload, state."""


@dataclass(slots=True)
class Difference:
    """What has to be sent: new or changed fragments with their payload hashes, and ids that have to go."""

    upserts: list[Fragment] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)


class FragmentStep(ChainedStep):
    """Ledger rows become ``pending`` before anything is sent and ``stored`` after it was, in transactions of their own.

    The first of them is on the disk before anything is sent. So the ledger never knows less than the vector store, and
    a run that is killed in between is simply repeated. Two processes never send for the same day at once.
    """

    name = "weaviate_fragments"
    upstream = "embeddings"

    def code_version(self, stores: Stores) -> str:
        from aethergrid_pipelines.transform.analyse import ANALYSIS_VERSION
        from aethergrid_pipelines.transform.enrich import ENRICH_VERSION
        from aethergrid_pipelines.transform.fragments import FRAGMENT_VERSION

        collection = collection_name(stores)
        return f"{FRAGMENT_VERSION}:{ANALYSIS_VERSION}:{ENRICH_VERSION}:{collection}"

    def run(self, stores: Stores, batch: Sequence[Stale], report: StepReport, *, run_id: str, handed: HandedOn) -> None:
        collection = ensure_collection(stores)
        fragments = self._build(stores, batch, run_id, handed)
        with stores.catalog.locked(fragment_locks({item.day for item in batch})):
            with stores.catalog.writing() as connection:
                current = state.unchanged(connection, self.upstream, batch) & fragments.keys()
                wanted = {conversation: fragments[conversation] for conversation in sorted(current)}
                difference, versions = _intend(connection, collection, wanted)
            changed = bool(difference.upserts or difference.deletes)
            if changed:
                stores.vectors.upsert(collection, difference.upserts, instead_of=difference.deletes)
            with stores.catalog.writing(durable=False) as connection:
                _settle(connection, collection, wanted)
                state.record(
                    connection,
                    step=self.name,
                    code_version=self.code_version(stores),
                    run_id=run_id,
                    batch=batch,
                    outputs={
                        conversation: Output(versions[conversation], len(found))
                        for conversation, found in wanted.items()
                    },
                )
                if changed:
                    index_version.change(connection)
        if changed:
            stores.upkeep.wrote(stores.vectors, collection)
        report.processed += len(current)
        report.postponed += len(batch) - len(current)
        report.rows += sum(len(found) for found in wanted.values())
        report.counts["upserted"] += len(difference.upserts)
        report.counts["deleted"] += len(difference.deletes)

    def erase(self, stores: Stores, conversation_ids: Sequence[str]) -> int:
        mine = _ledger.c.conversation_id.in_(conversation_ids)
        scope = Scope.conversations(list(conversation_ids))
        with stores.catalog.reading() as connection:
            days = {row[3] for row in state.known(connection, step=self.name, scope=scope)}
        with stores.catalog.locked(fragment_locks(days)):
            with stores.catalog.reading() as connection:
                rows = connection.execute(select(_ledger.c.collection, _ledger.c.id).where(mine)).all()
            for collection in sorted({row.collection for row in rows}):
                stores.vectors.delete(collection, [row.id for row in rows if row.collection == collection])
            with stores.catalog.writing() as connection:
                connection.execute(delete(_ledger).where(mine))
                state.forget(connection, step=self.name, conversation_ids=conversation_ids)
                if rows:
                    index_version.change(connection)
        return len(rows)

    def _build(
        self, stores: Stores, batch: Sequence[Stale], run_id: str, handed: HandedOn
    ) -> dict[str, list[Fragment]]:
        """The fragments of each conversation. One that lacks a vector is left out, and will be embedded again."""
        import numpy as np

        from aethergrid_pipelines.transform.fragments import build_fragments

        ids = [item.conversation_id for item in batch]
        headers = _read_headers(stores, ids)
        chunks = input_rows(stores, handed, self.upstream, _chunks, batch, "ordinal")
        vectors = input_vectors(stores, handed, {row["sha256"] for rows in chunks.values() for row in rows})
        incomplete = {
            conversation for conversation, rows in chunks.items() if any(row["sha256"] not in vectors for row in rows)
        }
        if incomplete:
            with stores.catalog.writing() as connection:
                state.forget(connection, step=EmbedStep.name, conversation_ids=incomplete)
        whole = {
            conversation: [Chunk.model_construct(**row) for row in rows]
            for conversation, rows in chunks.items()
            if conversation not in incomplete and conversation in headers
        }
        pieces = [piece for found in whole.values() for piece in found]
        matrix = np.array([vectors[piece.sha256] for piece in pieces], dtype=np.float32)
        matrix = matrix.reshape(len(pieces), stores.embedder.dimension)
        labels = stores.labels.of(pieces, matrix, open_enricher(stores))
        fragments: dict[str, list[Fragment]] = {}
        first = 0
        for conversation, found in whole.items():
            part = slice(first, first + len(found))
            fragments[conversation] = build_fragments(
                headers[conversation],
                found,
                matrix[part],
                labels[part],
                embedder=stores.embedder.name,
                run_id=run_id,
            )
            first = part.stop
        return fragments


def fragment_locks(days: Iterable[dt.date]) -> list[str]:
    """The names of the locks that a writer of these days' fragments holds."""
    return [f"fragments-{day.isoformat()}" for day in days]


def _read_headers(stores: Stores, ids: Sequence[str]) -> dict[str, Row]:
    headers = {}
    with stores.catalog.reading() as connection:
        for page in pages(ids):
            for row in connection.execute(select(_headers).where(_headers.c.id.in_(page))).mappings():
                headers[row["id"]] = dict(row)
    return headers


def _intend(
    connection: Connection, collection: str, wanted: Mapping[str, list[Fragment]]
) -> tuple[Difference, dict[str, str]]:
    """Find the difference between what is wanted and the ledger, and write down that it is about to be sent."""
    from aethergrid_pipelines.transform.fragments import payload_sha256

    there: dict[str, KnownRow] = {}
    for page in pages(wanted):
        mine = and_(_ledger.c.conversation_id.in_(page), _ledger.c.collection == collection)
        columns = (_ledger.c.id, _ledger.c.conversation_id, _ledger.c.payload_sha256, _ledger.c.state)
        there.update((row.id, row) for row in connection.execute(select(*columns).where(mine)))
    difference = Difference()
    versions: dict[str, str] = {}
    now = dt.datetime.now(dt.UTC)
    rows: list[Row] = []
    replaced: list[KnownRow] = []
    for conversation, fragments in wanted.items():
        hashes = [payload_sha256(fragment) for fragment in fragments]
        versions[conversation] = state.digest(*hashes)
        for fragment, sha256 in zip(fragments, hashes, strict=True):
            if (before := there.pop(fragment.id, None)) is not None:
                if (before.state, before.payload_sha256) == ("stored", sha256):
                    continue
                replaced.append(before)
            difference.upserts.append(fragment)
            rows.append(_ledger_row(fragment, collection, sha256, now))
    difference.deletes = sorted(there)
    _for_each(connection, delete(_ledger), collection, replaced)
    _for_each(connection, update(_ledger).values(state="deleting"), collection, there.values())
    insert_rows(connection, _ledger, rows)
    return difference, versions


def _for_each(connection: Connection, change: Delete | Update, collection: str, rows: Collection[KnownRow]) -> None:
    """Make the same change to each of these rows, which the key of the ledger finds."""
    if rows:
        at = and_(
            _ledger.c.conversation_id == bindparam("of_conversation"),
            _ledger.c.collection == collection,
            _ledger.c.id == bindparam("with_id"),
        )
        keys = [{"of_conversation": row.conversation_id, "with_id": row.id} for row in rows]
        connection.execute(change.where(at), keys)


def _settle(connection: Connection, collection: str, conversation_ids: Iterable[str]) -> None:
    """Write down that what was intended for these conversations was sent."""
    for page in pages(conversation_ids):
        mine = and_(_ledger.c.conversation_id.in_(page), _ledger.c.collection == collection)
        connection.execute(update(_ledger).where(mine, _ledger.c.state == "pending").values(state="stored"))
        connection.execute(delete(_ledger).where(mine, _ledger.c.state == "deleting"))


def _ledger_row(fragment: Fragment, collection: str, sha256: str, now: dt.datetime) -> Row:
    return {
        "id": fragment.id,
        "collection": collection,
        "conversation_id": fragment.conversation_id,
        "chunk_id": fragment.chunk_id,
        "payload_sha256": sha256,
        "state": "pending",
        "topic": fragment.topic,
        "task_type": fragment.task_type,
        "complexity": fragment.complexity,
        "language": fragment.language,
        "source_model": fragment.source_model,
        "timestamp": fragment.timestamp,
        "tokens_used": fragment.tokens_used,
        "run_id": fragment.run_id,
        "written_at": now,
    }
