"""``embeddings``: a vector for every chunk, addressed by its text, so that no text is embedded twice."""

import datetime as dt
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table, and_, delete, exists, select

from aethergrid_pipelines.flow import state
from aethergrid_pipelines.flow.batches import pages
from aethergrid_pipelines.flow.handed_on import HandedOn
from aethergrid_pipelines.flow.scope import Output, Stale, StepReport
from aethergrid_pipelines.flow.step import ChainedStep, Row, input_rows
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import ChunkEmbedding, ChunkRow, Vector, table_of
from aethergrid_pipelines.stores.bulk_insert import insert_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EMBED_VERSION = "1"

VECTORS_LOCK = "vectors"
"""Held while vectors are written or collected: one process must not refer to what another one is dropping."""

_chunks: Table = table_of(ChunkRow)
_references: Table = table_of(ChunkEmbedding)
_vectors: Table = table_of(Vector)


class EmbedStep(ChainedStep):
    """Vectors rest in ``vectors``; ``chunk_embeddings`` says which chunk uses which.

    A vector goes when the last chunk that uses it goes, so that nothing remains of a conversation that is forgotten.
    """

    name = "embeddings"
    upstream = "chunks"

    def code_version(self, stores: Stores) -> str:
        return f"{EMBED_VERSION}:{stores.embedder.name}"

    def run(self, stores: Stores, batch: Sequence[Stale], report: StepReport, *, run_id: str, handed: HandedOn) -> None:
        chunks = input_rows(stores, handed, self.upstream, _chunks, batch, "ordinal")
        texts = {row["sha256"]: row for rows in chunks.values() for row in rows}
        with stores.in_flight.turn:
            # In this order: what is written between the two looks is in the catalog by the second one.
            known = stores.in_flight.among(texts)
            with stores.catalog.reading() as connection:
                missing = texts.keys() - known.keys() - _present(connection, stores.embedder.name, texts)
            own, failures = self._embed(stores, [texts[sha256] for sha256 in sorted(missing)], report)
            stores.in_flight.add(own)
        failed = {
            conversation: failures[row["sha256"]]
            for conversation, rows in chunks.items()
            for row in rows
            if row["sha256"] in failures
        }
        for conversation, (reason, retryable) in failed.items():
            report.fail(conversation, reason, retryable=retryable)
        vectors = known | own
        with (
            stores.in_flight.written(own),
            stores.catalog.locked([VECTORS_LOCK]),
            stores.catalog.writing(durable=False) as connection,
        ):
            current = state.unchanged(connection, self.upstream, batch) - failed.keys()
            current -= self._without_vector(stores, connection, chunks, vectors)
            rows = {conversation: chunks[conversation] for conversation in sorted(current)}
            written = self._write(stores, connection, rows, vectors)
            outputs = {
                item.conversation_id: Output(
                    state.digest(item.input_version, self.code_version(stores)), len(chunks[item.conversation_id])
                )
                for item in batch
                if item.conversation_id in current
            }
            state.record(
                connection,
                step=self.name,
                code_version=self.code_version(stores),
                run_id=run_id,
                batch=batch,
                outputs=outputs,
            )
        handed.give(self.name, outputs, rows)
        handed.vectors.update(vectors)
        report.processed += len(current)
        report.postponed += len(batch) - len(current) - len(failed)
        report.rows += sum(len(found) for found in rows.values())
        report.counts["embedded"] += len(written & own.keys())

    def erase(self, stores: Stores, conversation_ids: Sequence[str]) -> int:
        mine = _references.c.conversation_id.in_(conversation_ids)
        with stores.catalog.locked([VECTORS_LOCK]), stores.catalog.writing() as connection:
            used = connection.execute(select(_references.c.embedder, _references.c.sha256).where(mine)).all()
            done = connection.execute(delete(_references).where(mine))
            for embedder in {row.embedder for row in used}:
                _collect(connection, embedder, {row.sha256 for row in used if row.embedder == embedder})
            state.forget(connection, step=self.name, conversation_ids=conversation_ids)
        return done.rowcount

    def _embed(
        self, stores: Stores, rows: Sequence[Row], report: StepReport
    ) -> tuple[dict[str, bytes], dict[str, tuple[str, bool]]]:
        """Vectors, or reasons why not, by hash."""
        from aethergrid_pipelines.transform.chunk import embedded_from

        if not rows:
            return {}, {}
        started = time.perf_counter()
        texts = [embedded_from(row["speaker"], row["heading"], row["text"]) for row in rows]
        embedded = stores.embedder.embed(texts)
        report.counts["embedding_ms"] += round((time.perf_counter() - started) * 1_000)
        report.counts["tokens"] += sum(row["tokens"] for row in rows)
        failures = {
            rows[index]["sha256"]: (failure.reason, failure.retryable) for index, failure in embedded.failures.items()
        }
        vectors = {
            row["sha256"]: embedded.vectors[index].astype("<f4").tobytes()
            for index, row in enumerate(rows)
            if index not in embedded.failures
        }
        return vectors, failures

    @staticmethod
    def _without_vector(
        stores: Stores, connection: Connection, chunks: Mapping[str, list[Row]], vectors: Mapping[str, bytes]
    ) -> set[str]:
        """Conversations with a text that had a vector when we looked and has none now: they stay stale."""
        wanted = {row["sha256"] for rows in chunks.values() for row in rows} - vectors.keys()
        lost = wanted - _present(connection, stores.embedder.name, wanted)
        return {conversation for conversation, rows in chunks.items() if any(row["sha256"] in lost for row in rows)}

    @staticmethod
    def _write(
        stores: Stores, connection: Connection, chunks: Mapping[str, list[Row]], vectors: Mapping[str, bytes]
    ) -> set[str]:
        """Replace the references of these conversations, add new vectors, drop those that nobody uses any more.
        Returns the hashes of the vectors that these conversations needed."""
        embedder = stores.embedder.name
        wanted = {row["sha256"] for rows in chunks.values() for row in rows}
        before: set[str] = set()
        for page in pages(chunks):
            mine = and_(_references.c.embedder == embedder, _references.c.conversation_id.in_(page))
            before.update(connection.execute(select(_references.c.sha256).where(mine)).scalars())
            connection.execute(delete(_references).where(mine))
        now = dt.datetime.now(dt.UTC)
        new = sorted(wanted & vectors.keys())
        rows = [
            {
                "embedder": embedder,
                "sha256": sha256,
                "dimension": stores.embedder.dimension,
                "vector": vectors[sha256],
                "created_at": now,
            }
            for sha256 in new
        ]
        # Another process may have embedded the same text meanwhile: its vector is as good.
        insert_rows(connection, _vectors, rows, unless_there=("embedder", "sha256"))
        references = [
            {
                "chunk_id": row["id"],
                "embedder": embedder,
                "conversation_id": conversation,
                "sha256": row["sha256"],
            }
            for conversation, found in chunks.items()
            for row in found
        ]
        insert_rows(connection, _references, references)
        _collect(connection, embedder, before - wanted)
        return set(new)


def input_vectors(stores: Stores, handed: HandedOn, sha256s: Collection[str]) -> "dict[str, NDArray[np.float32]]":
    """The vectors of the current embedder by hash, each of shape (dimension,): those that were embedded just now from
    what that step handed on, the others from the catalog."""
    import numpy as np

    found = {sha256: vector for sha256 in sha256s if (vector := handed.vectors.get(sha256)) is not None}
    if missing := [sha256 for sha256 in sha256s if sha256 not in found]:
        query = select(_vectors.c.sha256, _vectors.c.vector).where(_vectors.c.embedder == stores.embedder.name)
        with stores.catalog.reading() as connection:
            for page in pages(missing):
                rows = connection.execute(query.where(_vectors.c.sha256.in_(page))).all()
                found.update((row.sha256, row.vector) for row in rows)
    return {sha256: np.frombuffer(vector, dtype="<f4") for sha256, vector in found.items()}


def _present(connection: Connection, embedder: str, sha256s: Collection[str]) -> set[str]:
    query = select(_vectors.c.sha256).where(_vectors.c.embedder == embedder)
    return {
        sha256
        for page in pages(sha256s)
        for sha256 in connection.execute(query.where(_vectors.c.sha256.in_(page))).scalars()
    }


def _collect(connection: Connection, embedder: str, sha256s: Collection[str]) -> None:
    """Delete those of these vectors that no chunk uses any more."""
    used = exists().where(_references.c.embedder == _vectors.c.embedder, _references.c.sha256 == _vectors.c.sha256)
    for page in pages(sha256s):
        connection.execute(delete(_vectors).where(_vectors.c.embedder == embedder, _vectors.c.sha256.in_(page), ~used))
