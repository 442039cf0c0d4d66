"""``GET /api/adapters``."""

import contextlib
import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Query

from aethergrid_pipelines.api.dependencies import SettingsDep
from aethergrid_pipelines.api.problems import responses
from aethergrid_pipelines.query.records import Record

router = APIRouter(tags=["operation"])


class HealthRecord(Record):
    """``state``: ok, unset (nobody configured it) or broken. What was not asked is null."""

    state: str
    reachable: bool | None
    key: str
    model_there: bool | None
    detail: str
    milliseconds: float | None


class AdapterRecord(Record):
    """What an adapter says of itself."""

    name: str
    interface: str
    version: str
    model_name: str
    vector_dimensions: int | None
    max_context_window: int
    health: HealthRecord | None


class AdaptersResponse(Record):
    """``refused``: what was found and cannot be used, by where it was found, with the reason."""

    adapters: list[AdapterRecord]
    refused: dict[str, str]


@router.get("/adapters", responses=responses(401))
def adapters(
    settings: SettingsDep,
    health: Annotated[bool, Query(description="Ask each service, which takes up to some seconds")] = True,
) -> AdaptersResponse:
    """The model families that there are adapters for, what they say of themselves and whether they work."""
    from aethergrid_pipelines.adapters.overview import states
    from aethergrid_pipelines.adapters.registry import open_adapters

    with contextlib.closing(open_adapters(settings)) as opened:
        found: list[dict[str, Any]] = [dataclasses.asdict(state) for state in states(opened, with_health=health)]
        return AdaptersResponse.model_validate({"adapters": found, "refused": opened.refused})
