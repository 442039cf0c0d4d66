"""The asset ``chunks``."""

import dagster as dg

from aethergrid_pipelines.assets.materialise import materialise_asset
from aethergrid_pipelines.automation.partitions import BACKFILL, daily_partitions
from aethergrid_pipelines.automation.resource import StoresResource


@dg.asset(
    partitions_def=daily_partitions(),
    deps=["cleaned_messages"],
    backfill_policy=BACKFILL,
    group_name="memory",
    kinds={"python"},
)
def chunks(context: dg.AssetExecutionContext, stores: StoresResource) -> dg.MaterializeResult[None]:
    """Pieces of messages within the embedder's window, cut at semantic boundaries."""
    return materialise_asset(context, stores, "chunks")
