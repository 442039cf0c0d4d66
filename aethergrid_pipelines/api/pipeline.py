"""``GET /api/pipeline``."""

from fastapi import APIRouter

from aethergrid_pipelines.api.dependencies import ComponentsDep
from aethergrid_pipelines.api.pipeline_records import PipelineResponse
from aethergrid_pipelines.api.problems import responses

MOST_STALE = 1_000
"""Whoever looks wants to know that there is much to do, not exactly how much."""

router = APIRouter(tags=["operation"])


@router.get("/pipeline", responses=responses(401, 503))
def pipeline(components: ComponentsDep) -> PipelineResponse:
    """Where the pipeline stands: what each step made and what is stale, who ran last, what could not be read."""
    from aethergrid_pipelines.flow.progress import progress

    found = progress(components.stores(), most_stale=MOST_STALE)
    return PipelineResponse.of(found, most_stale=MOST_STALE, dagster_url=components.settings.dagster_url)
