"""``POST /api/v1/memory/ingest``: take in now, follow later."""

import datetime as dt
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from aethergrid_pipelines.api.components import Components
from aethergrid_pipelines.api.dependencies import ComponentsDep, JobsDep, SettingsDep
from aethergrid_pipelines.api.ingest import ingest
from aethergrid_pipelines.api.ingest_records import BODY, IngestAccount, IngestResponse, RecordOutcome
from aethergrid_pipelines.api.jobs import Job
from aethergrid_pipelines.api.problems import responses
from aethergrid_pipelines.query.records import Record

router = APIRouter(prefix="/v1/memory", tags=["memory"])

SPACE = Query(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")


class JobResponse(Record):
    """``spooled``: all records are on the disk and some wait for the conversation store; ``stored``: they are there and
    ``waiting`` names the conversations that are not in the index yet; ``searchable``: queries find them. ``account``
    and ``records`` are of the moment of the request; ``spooled`` ones are stored when the job is."""

    job_id: str
    status: Literal["spooled", "stored", "searchable"]
    received_at: dt.datetime
    account: IngestAccount
    records: list[RecordOutcome]
    conversation_ids: list[str]
    waiting: list[str]


@router.post(
    "/ingest",
    status_code=202,
    openapi_extra={"requestBody": BODY},
    responses=responses(400, 401, 403, 413, 415, 422, 503),
)
async def take_in(
    request: Request,
    response: Response,
    settings: SettingsDep,
    components: ComponentsDep,
    jobs: JobsDep,
    *,
    space: Annotated[str | None, SPACE] = None,
) -> JobResponse:
    """Take in messages and conversations as `POST /api/ingest` does. They are durable when this answers; `Location` is
    where their way into the index can be followed."""
    received_at = dt.datetime.now(dt.UTC)
    taken: Any = await ingest(request, response, settings, components, space)
    if not isinstance(taken, IngestResponse):
        # A problem passes through as it is.
        return taken  # type: ignore[no-any-return]
    job = Job(received_at=received_at, taken=taken)
    await run_in_threadpool(jobs.add, job)
    response.status_code = 202
    response.headers["Location"] = f"{request.url.path}/{job.id}"
    return _response(job, "spooled" if taken.account.spooled else "stored", taken.conversation_ids)


@router.get("/ingest/{job_id}", responses=responses(401, 404, 503))
def follow(job_id: Annotated[str, Path(max_length=64)], components: ComponentsDep, jobs: JobsDep) -> JobResponse:
    """How far a job is. Jobs are remembered while the API runs, the latest 100,000 records of them, and with Redis for
    a day."""
    job = jobs.get(job_id)
    if job is None:
        raise HTTPException(404, f"there is no job {job_id!r}; jobs are forgotten when the API starts again")
    if _spooled(job, components):
        return _response(job, "spooled", job.taken.conversation_ids)
    from aethergrid_pipelines.flow.searchable import not_searchable

    waiting = not_searchable(components.stores(), job.taken.conversation_ids)
    return _response(job, "stored" if waiting else "searchable", waiting)


def _spooled(job: Job, components: Components) -> bool:
    """Whether some of a job's records wait: those that came in later are stored after them."""
    if not job.taken.account.spooled:
        return False
    oldest = components.spool.backlog().oldest_at
    return oldest is not None and oldest <= job.received_at + dt.timedelta(seconds=1)


def _response(job: Job, status: Literal["spooled", "stored", "searchable"], waiting: list[str]) -> JobResponse:
    return JobResponse(
        job_id=job.id,
        status=status,
        received_at=job.received_at,
        account=job.taken.account,
        records=job.taken.records,
        conversation_ids=job.taken.conversation_ids,
        waiting=waiting,
    )
