"""The asset ``topic_stats``."""

import dagster as dg

from aethergrid_pipelines.assets.materialise import materialise_asset
from aethergrid_pipelines.automation.partitions import BACKFILL, daily_partitions
from aethergrid_pipelines.automation.resource import StoresResource


@dg.asset(
    partitions_def=daily_partitions(),
    deps=["weaviate_fragments"],
    backfill_policy=BACKFILL,
    group_name="memory",
    kinds={"sql"},
)
def topic_stats(context: dg.AssetExecutionContext, stores: StoresResource) -> dg.MaterializeResult[None]:
    """What the conversations are about, by topic, task type and model."""
    return materialise_asset(context, stores, "topic_stats")
