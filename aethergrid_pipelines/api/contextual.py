"""``POST /api/query/contextual``."""

from typing import Annotated

from fastapi import APIRouter, Body

from aethergrid_pipelines.api.dependencies import PackerDep
from aethergrid_pipelines.api.problems import responses
from aethergrid_pipelines.query.pack_records import Pack, PackRequest

router = APIRouter(tags=["query"])

EXAMPLES = {
    "a task": {"value": {"task": "Make the nightly import faster", "tokenBudget": 1500}},
    "for a model": {
        "value": {
            "task": "Write the postcode validation again in Go",
            "taskType": "coding",
            "tokenBudget": 4000,
            "model": "gpt-5",
            "filters": {"after": "2026-10-01"},
            "numbered": True,
        }
    },
}


@router.post("/query/contextual", responses=responses(400, 401, 413, 422, 503))
def contextual(request: Annotated[PackRequest, Body(openapi_examples=EXAMPLES)], packer: PackerDep) -> Pack:
    """The best passages for a task within a budget of tokens, as items with their lineage and as one text for a prompt.

    Passages are hits grown to whole thoughts where that pays, in the order in which they were said, nothing twice.
    `leftOut` says which hits are not there and why, `countedBy` which tokenizer counted.
    """
    return packer.pack(request)
