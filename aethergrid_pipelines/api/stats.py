"""``GET /api/stats``."""

from typing import Annotated

from fastapi import APIRouter, Query

from aethergrid_pipelines.api.dependencies import CatalogDep
from aethergrid_pipelines.api.problems import responses
from aethergrid_pipelines.api.stats_records import StatsResponse
from aethergrid_pipelines.flow.overview import overview

router = APIRouter(tags=["operation"])


@router.get("/stats", responses=responses(401, 503))
def stats(
    catalog: CatalogDep, space: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00-\x1f]+$")] = None
) -> StatsResponse:
    """How much the memory holds, by model, topic, task type and day, how far each step is, and what was imported."""
    return StatsResponse.model_validate(overview(catalog, space=space))
