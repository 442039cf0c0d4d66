"""The asset ``raw_conversations``."""

import dagster as dg

from aethergrid_pipelines.assets.materialise import materialise_asset
from aethergrid_pipelines.automation.partitions import BACKFILL, daily_partitions
from aethergrid_pipelines.automation.resource import StoresResource


@dg.asset(
    partitions_def=daily_partitions(),
    backfill_policy=BACKFILL,
    group_name="memory",
    kinds={"conversations"},
)
def raw_conversations(context: dg.AssetExecutionContext, stores: StoresResource) -> dg.MaterializeResult[None]:
    """Which conversations there are, in which version; their messages rest in the conversation store."""
    return materialise_asset(context, stores, "raw_conversations")
