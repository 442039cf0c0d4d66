"""``GET /api/stats``."""

from typing import Annotated

from fastapi import APIRouter, Query

from aethergrid_pipelines.api.dependencies import CatalogDep, SettingsDep
from aethergrid_pipelines.api.problems import responses
from aethergrid_pipelines.api.stats_records import SpoolRecord, StatsResponse
from aethergrid_pipelines.capture.spool import spool_path
from aethergrid_pipelines.capture.spool_folder import SpoolFolder
from aethergrid_pipelines.flow.overview import overview

router = APIRouter(tags=["operation"])


@router.get("/stats", responses=responses(401, 503))
def stats(
    catalog: CatalogDep,
    settings: SettingsDep,
    space: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00-\x1f]+$")] = None,
) -> StatsResponse:
    """How much the memory holds, by model, topic, task type and day, how far each step is, what was imported, and what
    waits in the spool."""
    counted = StatsResponse.model_validate(overview(catalog, space=space))
    waiting = SpoolRecord.model_validate(SpoolFolder(spool_path(settings)).backlog())
    return counted.model_copy(update={"spool": waiting})
