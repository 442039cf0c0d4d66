"""The asset ``embeddings``."""

import dagster as dg

from aethergrid_pipelines.assets.materialise import materialise_asset
from aethergrid_pipelines.automation.partitions import BACKFILL, EMBEDDER_POOL, daily_partitions
from aethergrid_pipelines.automation.resource import StoresResource


@dg.asset(
    partitions_def=daily_partitions(),
    deps=["chunks"],
    backfill_policy=BACKFILL,
    group_name="memory",
    kinds={"onnx"},
    pool=EMBEDDER_POOL,
)
def embeddings(context: dg.AssetExecutionContext, stores: StoresResource) -> dg.MaterializeResult[None]:
    """A vector for every chunk, addressed by its text: no text is embedded twice."""
    return materialise_asset(context, stores, "embeddings")
