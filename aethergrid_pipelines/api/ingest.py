"""``POST /api/ingest``."""

import dataclasses
import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from aethergrid_pipelines.api.components import Components
from aethergrid_pipelines.api.ingest_records import BODY, IngestAccount, IngestResponse, RecordOutcome
from aethergrid_pipelines.api.problems import problem, responses
from aethergrid_pipelines.capture.jsonl import UnreadableJson, parse_json
from aethergrid_pipelines.capture.posted import Posted, PostedRecord, account_of, read_records, take_posted
from aethergrid_pipelines.settings import Settings

router = APIRouter(tags=["capture"])

JSON_TYPES = frozenset({"application/json"})
LINES_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
WRAPPERS = ("records", "conversations")
REPORTED_ERRORS = 100
AT_ONCE_BYTES = 32 * 1024
DISABLED = "capturing is switched off here (CAPTURE_ENABLED=false): set CAPTURE_ENABLED=true and start the API again"


SPOOLED: dict[int | str, dict[str, Any]] = {
    202: {"model": IngestResponse, "description": "Durable; stored when the conversation store answers again"}
}


@router.post(
    "/ingest",
    openapi_extra={"requestBody": BODY},
    name="ingest",
    response_model=IngestResponse,
    responses={**SPOOLED, **responses(400, 401, 403, 413, 415, 422, 503)},
)
async def take_in(
    request: Request,
    space: Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")] = None,
) -> Response:
    """Take in messages and conversations. Sending the same again stores nothing twice.

    Records that cannot be read are rejected one by one, each with its index, field and reason, and the others are
    stored (200); 422 when every record was rejected. What was stored is found by queries some seconds later.

    Where the conversation store does not answer, records are `spooled` (202): they are on the disk, and are stored
    without further ado when it is back. 503 when they cannot be kept either.
    """
    # Nothing is injected, and the answer is written here: this is asked hundreds of times a second.
    components: Components = request.app.state.components
    response = Response(media_type="application/json")
    taken: Any = await ingest(request, response, components.settings, components, space)
    if not isinstance(taken, IngestResponse):
        # A problem passes through as it is.
        return taken  # type: ignore[no-any-return]
    return Response(taken.model_dump_json(by_alias=True), response.status_code, media_type="application/json")


async def ingest(
    request: Request, response: Response, settings: Settings, components: Components, space: str | None
) -> IngestResponse:
    """Take in the body of a request; ``response`` gets 202 where something waits for the store. A problem is given back
    as its response."""
    if not settings.capture_enabled:
        raise HTTPException(403, DISABLED)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in JSON_TYPES | LINES_TYPES:
        raise HTTPException(415, "send application/json, or application/x-ndjson for one record per line")
    body = await request.body()
    spool = components.spool

    def read() -> Posted:
        records = _records(body, lines=media_type in LINES_TYPES)
        return read_records(records, spool=spool, space=space or settings.space, received=dt.datetime.now(dt.UTC))

    try:
        # A thread costs more than reading a few messages does; many would keep everybody else waiting.
        posted = read() if len(body) <= AT_ONCE_BYTES else await run_in_threadpool(read)
    except UnreadableJson as error:
        return problem(400, str(error))  # type: ignore[return-value]
    result: Any = _answer(await take_posted(posted, spool), redacted=spool.redaction.redacts)
    if isinstance(result, IngestResponse) and result.account.spooled:
        response.status_code = 202
    return result  # type: ignore[no-any-return]


def _answer(posted: list[PostedRecord], *, redacted: bool) -> IngestResponse | JSONResponse:
    account = account_of(posted, redacted=redacted)
    if account.rejected and account.rejected == account.read:
        errors = [_error(row) for row in posted[:REPORTED_ERRORS]]
        return problem(422, "every record was rejected; nothing was stored", errors=errors, account=account.as_json())
    return IngestResponse(
        account=IngestAccount(**account.as_json(), spooled=account.spooled),
        records=[RecordOutcome(**dataclasses.asdict(row)) for row in posted],
        conversation_ids=list(
            dict.fromkeys(row.conversation_id for row in posted if row.conversation_id and row.outcome != "rejected")
        ),
    )


def _records(body: bytes, *, lines: bool) -> list[object]:
    """The records of a body: an object, a list of objects, a list in a wrapper, or one object per line.

    Raises ``UnreadableJson``; of lines, one that is not JSON is handed on as that error, to be rejected.
    """
    if lines:
        return [_line(raw) for raw in body.split(b"\n") if raw.strip()]
    value, _ = parse_json(body)
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for name in WRAPPERS:
            if isinstance(value.get(name), list) and "role" not in value:
                found: list[object] = value[name]
                return found
    return [value]


def _line(raw: bytes) -> object:
    try:
        return parse_json(raw)[0]
    except UnreadableJson as error:
        return error


def _error(row: PostedRecord) -> dict[str, Any]:
    return {"index": row.index, "field": row.field, "reason": row.reason}
