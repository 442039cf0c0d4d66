"""The figures of the catalog, as few as a model needs to know what it can ask for."""

from collections.abc import Sequence

from aethergrid_pipelines.capture.spool import spool_path
from aethergrid_pipelines.capture.spool_folder import SpoolFolder
from aethergrid_pipelines.flow.overview import Group, overview
from aethergrid_pipelines.mcp_server.answers import Count, MemoryStats
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.catalog import Catalog

MOST = 15
"""How many models, topics and task types are named: the largest."""


def memory_stats(catalog: Catalog, settings: Settings) -> MemoryStats:
    """Raises ``StoreUnavailable``."""
    found = overview(catalog, space=settings.space)
    return MemoryStats(
        space=settings.space,
        conversations=found.conversations,
        messages=found.messages,
        passages=found.fragments,
        first_day=found.days[0].day if found.days else None,
        last_day=found.days[-1].day if found.days else None,
        models=_largest(found.models),
        topics=_largest(found.topics),
        task_types=_largest(found.task_types),
        waiting=SpoolFolder(spool_path(settings)).backlog().records,
    )


def _largest(groups: Sequence[Group]) -> list[Count]:
    return [Count(name=group.name, passages=group.fragments) for group in groups[:MOST]]
