"""``GET /api/stats`` and ``GET /api/stats/timeline``."""

from typing import Annotated

from fastapi import APIRouter, Query

from aethergrid_pipelines.api.dependencies import CatalogDep, ComponentsDep, SettingsDep
from aethergrid_pipelines.api.problems import responses
from aethergrid_pipelines.api.stats_records import CacheRecord, SpoolRecord, StatsResponse, TimelineResponse
from aethergrid_pipelines.capture.spool import spool_path
from aethergrid_pipelines.capture.spool_folder import SpoolFolder
from aethergrid_pipelines.flow.overview import overview
from aethergrid_pipelines.flow.timeline import By
from aethergrid_pipelines.flow.timeline import timeline as fragments_over_time

router = APIRouter(tags=["operation"])

Space = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00-\x1f]+$")]


@router.get("/stats", responses=responses(401, 503))
def stats(
    catalog: CatalogDep,
    settings: SettingsDep,
    components: ComponentsDep,
    space: Space = None,
) -> StatsResponse:
    """How much the memory holds, by model, topic, task type and day, how far each step is, what was imported, what
    waits in the spool, and how the caches of this process do."""
    counted = StatsResponse.model_validate(overview(catalog, space=space))
    waiting = SpoolRecord.model_validate(SpoolFolder(spool_path(settings)).backlog())
    caches = tuple(CacheRecord.model_validate(level) for level in components.caches.figures())
    return counted.model_copy(update={"spool": waiting, "caches": caches})


@router.get("/stats/timeline", responses=responses(401, 422, 503))
def timeline(
    catalog: CatalogDep,
    by: By = "model",
    space: Space = None,
    most: Annotated[int, Query(ge=1, le=20)] = 6,
) -> TimelineResponse:
    """How much was said over time, by model, topic or task type: the largest `most` of them, and the rest together."""
    return TimelineResponse.model_validate(fragments_over_time(catalog, by=by, space=space, most=most))
