"""What Dagster loads."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from aethergrid_pipelines.assets.chunks import chunks
from aethergrid_pipelines.assets.cleaned_messages import cleaned_messages
from aethergrid_pipelines.assets.embeddings import embeddings
from aethergrid_pipelines.assets.raw_conversations import raw_conversations
from aethergrid_pipelines.assets.topic_stats import topic_stats
from aethergrid_pipelines.assets.weaviate_fragments import weaviate_fragments
from aethergrid_pipelines.automation.jobs import build_jobs
from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.automation.schedules import build_schedules
from aethergrid_pipelines.automation.sensors import conversation_changes
from aethergrid_pipelines.automation.watching import watch_folders
from aethergrid_pipelines.checks.accounts import records_are_accounted_for
from aethergrid_pipelines.checks.expectations import build_checks
from aethergrid_pipelines.checks.recall import recall_has_not_fallen


def build_defs(*, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Everything, assembled; a test hands in its own resources by name."""
    return dg.Definitions(
        assets=[raw_conversations, cleaned_messages, chunks, embeddings, weaviate_fragments, topic_stats],
        asset_checks=[*build_checks(), records_are_accounted_for, recall_has_not_fallen],
        jobs=build_jobs(),
        sensors=[conversation_changes, watch_folders],
        schedules=build_schedules(),
        resources={"stores": StoresResource(), **(resource_overrides or {})},
        executor=dg.in_process_executor,
    )


defs = build_defs()
