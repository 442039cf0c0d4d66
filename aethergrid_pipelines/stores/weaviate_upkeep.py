"""The state of a Weaviate collection, and what ``optimise`` can do about it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aethergrid_pipelines.stores.vectors import OptimiseReport

if TYPE_CHECKING:
    from weaviate.client import WeaviateClient

QUEUE_SECONDS = 60.0

SERVER_NOTES = (
    "the server takes deleted vectors out of the graph by itself (cleanupIntervalSeconds, 300 by default)",
    "the server compacts its files by itself; no request makes it do so",
)
PURGE_NOTE = (
    "Weaviate cannot promise that deleted text is gone from its files before it has compacted them; "
    "fill a new collection, activate it and drop this one to be sure"
)


def optimise(client: WeaviateClient, collection: str, *, purge: bool) -> OptimiseReport:
    """Wait until queued vectors are indexed, where the server queues them, and report the state."""
    before = _figures(client, collection)
    actions = []
    if before["queued_vectors"]:
        started = time.monotonic()
        while _figures(client, collection)["queued_vectors"] and time.monotonic() - started < QUEUE_SECONDS:
            time.sleep(0.25)
        actions.append(f"waited {time.monotonic() - started:.1f} s for queued vectors to be indexed")
    after = _figures(client, collection)
    notes = [_shape(client, collection), *SERVER_NOTES]
    if purge:
        notes.append(PURGE_NOTE)
    return OptimiseReport(actions=actions, before=before, after=after, notes=notes)


def _figures(client: WeaviateClient, collection: str) -> dict[str, float]:
    shards = [shard for node in client.cluster.nodes(collection, output="verbose") for shard in node.shards or []]
    states = client.collections.use(collection).config.get_shards()
    return {
        "rows": client.collections.use(collection).aggregate.over_all(total_count=True).total_count or 0,
        "shards": len(shards),
        "queued_vectors": sum(shard.vector_queue_length for shard in shards),
        "compressed_shards": sum(bool(shard.compressed) for shard in shards),
        "shards_not_ready": sum(state.status != "READY" for state in states),
    }


def _shape(client: WeaviateClient, collection: str) -> str:
    vectors = client.collections.use(collection).config.get().vector_config or {}
    parts = []
    for config in vectors.values():
        index = config.vector_index_config
        quantizer = getattr(index, "quantizer", None)
        compression = "no compression" if quantizer is None else type(quantizer).__name__.strip("_")
        parts.append(f"{index.vector_index_type() if index else 'unknown'} with {compression}")
    return f"vector index: {', '.join(parts)}"
