"""``GET /api/stats``."""

from typing import Annotated

from fastapi import APIRouter, Query

from aethergrid_pipelines.api.dependencies import CatalogDep, ComponentsDep, SettingsDep
from aethergrid_pipelines.api.problems import responses
from aethergrid_pipelines.api.stats_records import CacheRecord, SpoolRecord, StatsResponse
from aethergrid_pipelines.capture.spool import spool_path
from aethergrid_pipelines.capture.spool_folder import SpoolFolder
from aethergrid_pipelines.flow.overview import overview

router = APIRouter(tags=["operation"])


@router.get("/stats", responses=responses(401, 503))
def stats(
    catalog: CatalogDep,
    settings: SettingsDep,
    components: ComponentsDep,
    space: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00-\x1f]+$")] = None,
) -> StatsResponse:
    """How much the memory holds, by model, topic, task type and day, how far each step is, what was imported, what
    waits in the spool, and how the caches of this process do."""
    counted = StatsResponse.model_validate(overview(catalog, space=space))
    waiting = SpoolRecord.model_validate(SpoolFolder(spool_path(settings)).backlog())
    caches = tuple(CacheRecord.model_validate(level) for level in components.caches.figures())
    return counted.model_copy(update={"spool": waiting, "caches": caches})
