"""The asset ``weaviate_fragments``."""

import dagster as dg

from aethergrid_pipelines.assets.materialise import materialise_asset
from aethergrid_pipelines.automation.partitions import BACKFILL, VECTOR_STORE_POOL, daily_partitions
from aethergrid_pipelines.automation.resource import StoresResource


@dg.asset(
    partitions_def=daily_partitions(),
    deps=["embeddings"],
    backfill_policy=BACKFILL,
    group_name="memory",
    kinds={"weaviate"},
    pool=VECTOR_STORE_POOL,
)
def weaviate_fragments(context: dg.AssetExecutionContext, stores: StoresResource) -> dg.MaterializeResult[None]:
    """Fragments in the vector store: the difference is sent, the ledger says what is there."""
    return materialise_asset(context, stores, "weaviate_fragments")
