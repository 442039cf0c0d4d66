"""``POST /api/ingest``."""

import dataclasses
import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from aethergrid_pipelines.api.dependencies import ComponentsDep, SettingsDep
from aethergrid_pipelines.api.ingest_records import BODY, IngestAccount, IngestResponse, RecordOutcome
from aethergrid_pipelines.api.problems import problem, responses
from aethergrid_pipelines.capture.jsonl import UnreadableJson, parse_json
from aethergrid_pipelines.capture.posted import PostedRecord, account_of, store_posted
from aethergrid_pipelines.capture.spool import Spool

router = APIRouter(tags=["capture"])

JSON_TYPES = frozenset({"application/json"})
LINES_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
WRAPPERS = ("records", "conversations")
REPORTED_ERRORS = 100
DISABLED = "capturing is switched off here (CAPTURE_ENABLED=false): set CAPTURE_ENABLED=true and start the API again"


SPOOLED: dict[int | str, dict[str, Any]] = {
    202: {"model": IngestResponse, "description": "Durable; stored when the conversation store answers again"}
}


@router.post(
    "/ingest",
    openapi_extra={"requestBody": BODY},
    responses={**SPOOLED, **responses(400, 401, 403, 413, 415, 422, 503)},
)
async def ingest(
    request: Request,
    response: Response,
    settings: SettingsDep,
    components: ComponentsDep,
    space: Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")] = None,
) -> IngestResponse:
    """Take in messages and conversations. Sending the same again stores nothing twice.

    Records that cannot be read are rejected one by one, each with its index, field and reason, and the others are
    stored (200); 422 when every record was rejected. What was stored is found by queries some seconds later.

    Where the conversation store does not answer, records are `spooled` (202): they are on the disk, and are stored
    without further ado when it is back. 503 when they cannot be kept either.
    """
    if not settings.capture_enabled:
        raise HTTPException(403, DISABLED)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in JSON_TYPES | LINES_TYPES:
        raise HTTPException(415, "send application/json, or application/x-ndjson for one record per line")
    body = await request.body()
    result: Any = await run_in_threadpool(
        lambda: _stored(body, media_type in LINES_TYPES, components.spool, space or settings.space)
    )
    if isinstance(result, IngestResponse) and result.account.spooled:
        response.status_code = 202
    # A response passes through as it is; a record is checked against the model above.
    return result  # type: ignore[no-any-return]


def _stored(body: bytes, lines: bool, spool: Spool, space: str) -> IngestResponse | JSONResponse:
    try:
        records = _records(body, lines=lines)
    except UnreadableJson as error:
        return problem(400, str(error))
    posted = store_posted(
        records,
        spool=spool,
        space=space,
        received=dt.datetime.now(dt.UTC),
    )
    account = account_of(posted, redacted=spool.redaction.redacts)
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
