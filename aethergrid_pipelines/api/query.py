"""``POST /api/query/semantic``."""

from typing import Annotated

from fastapi import APIRouter, Body, Response

from aethergrid_pipelines.api.dependencies import ComponentsDep
from aethergrid_pipelines.api.problems import responses
from aethergrid_pipelines.query.records import SearchRequest, SearchResponse

router = APIRouter(tags=["query"])

EXAMPLES = {
    "a question": {"value": {"query": "Why did the nightly import take 40 minutes?"}},
    "filters": {
        "value": {
            "query": "connection pool exhausted",
            "filters": {
                "sourceModels": ["gpt-5"],
                "taskType": "debugging",
                "after": "2026-10-05",
                "before": "2026-10-09",
            },
            "maxResults": 5,
            "minSimilarity": 0.3,
        }
    },
    "with context": {"value": {"query": "what did we decide about postcodes?", "returnContext": True}},
}


@router.post("/query/semantic", response_model=SearchResponse, responses=responses(400, 401, 413, 422, 503))
def semantic(request: Annotated[SearchRequest, Body(openapi_examples=EXAMPLES)], components: ComponentsDep) -> Response:
    """The fragments that answer a question best, by meaning and by words, each with where it comes from.

    The header `X-Cache` says which level of the cache had the answer (`none`: it was searched for); `stats.tookMs` is
    always of the search.
    """
    found = components.answers.answer(request)
    return Response(found.body, media_type="application/json", headers={"X-Cache": found.level})
