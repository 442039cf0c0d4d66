"""The asset ``cleaned_messages``."""

import dagster as dg

from aethergrid_pipelines.assets.materialise import materialise_asset
from aethergrid_pipelines.automation.partitions import BACKFILL, daily_partitions
from aethergrid_pipelines.automation.resource import StoresResource


@dg.asset(
    partitions_def=daily_partitions(),
    deps=["raw_conversations"],
    backfill_policy=BACKFILL,
    group_name="memory",
    kinds={"python"},
)
def cleaned_messages(context: dg.AssetExecutionContext, stores: StoresResource) -> dg.MaterializeResult[None]:
    """What people and models said; tool noise and reminders set apart, duplicates marked."""
    return materialise_asset(context, stores, "cleaned_messages")
