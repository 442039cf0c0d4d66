"""``/api/v1/memory``: ask, search, read."""

from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, HTTPException, Query, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import iterate_in_threadpool

from aethergrid_pipelines.api import query
from aethergrid_pipelines.api.conversation_records import ConversationResponse
from aethergrid_pipelines.api.conversations import ConversationId, read
from aethergrid_pipelines.api.dependencies import AnswererDep, ConversationsDep, SettingsDep
from aethergrid_pipelines.api.problems import failed, responses
from aethergrid_pipelines.capture.archive import Archive, archive_path
from aethergrid_pipelines.query.answer_records import AnswerRequest, AnswerResponse, Delta
from aethergrid_pipelines.query.language_model import ModelFailure
from aethergrid_pipelines.query.records import SearchResponse

router = APIRouter(prefix="/v1/memory", tags=["memory"])

EVENTS = "text/event-stream"
EXAMPLES = {
    "a question": {"value": {"query": "Why did the nightly import take 40 minutes?"}},
    "streamed": {"value": {"query": "What did we decide about postcodes?", "stream": True, "maxTokens": 400}},
}
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"model": AnswerResponse, "content": {EVENTS: {"schema": {"type": "string"}}}}
}
SOURCE: dict[int | str, dict[str, Any]] = {
    200: {"model": ConversationResponse, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
}

Steps = Generator[Delta | AnswerResponse, None, None]

router.post("/search", response_model=SearchResponse, responses=responses(400, 401, 413, 422, 503))(query.semantic)


@router.post(
    "/query",
    response_model=AnswerResponse,
    responses={**STREAMED, **responses(400, 401, 413, 422, 502, 503, 504)},
)
def ask(
    request: Annotated[AnswerRequest, Body(openapi_examples=EXAMPLES)], answerer: AnswererDep
) -> AnswerResponse | StreamingResponse:
    """An answer from the memory by the configured model, with numbered citations that say where each comes from.

    Where the memory does not tell, the answer is «I don't know.» and `reason` says why; where nothing is found, no
    model is asked. With `stream`, server-sent events: `delta` with a piece of the text each, then `answer` with all of
    it as without `stream`, which holds; or `error` with a problem, where the service breaks off.
    """
    if not request.stream:
        return answerer.answer(request)
    steps = answerer.stream(request)
    # What goes wrong before the first word is a problem with its status, as without a stream.
    first = next(steps)
    return StreamingResponse(_events(first, steps), media_type=EVENTS, headers={"Cache-Control": "no-store"})


@router.get("/file/{conversation_id}", response_model=ConversationResponse, responses={**SOURCE, **responses(401, 404)})
def file(
    conversation_id: ConversationId,
    store: ConversationsDep,
    settings: SettingsDep,
    *,
    form: Annotated[Literal["conversation", "source"], Query(description="As stored, or as its tool wrote it")] = (
        "conversation"
    ),
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> ConversationResponse | Response:
    """A conversation with its messages, in order. With `form=source`, the transcript that it was read from, whole,
    where `aethergrid watch` keeps a copy of it."""
    found = read(conversation_id, store, offset, limit)
    if form == "conversation":
        return found
    copies = Archive(archive_path(settings)).copies(conversation_id)
    if not copies:
        raise HTTPException(
            404, f"the archive holds no source of {conversation_id!r}; it keeps what `aethergrid watch` follows"
        )
    return _transcript(copies[0])


async def _events(first: Delta | AnswerResponse, rest: Steps) -> AsyncIterator[bytes]:
    try:
        yield _told(first)
        async for step in iterate_in_threadpool(rest):
            yield _told(step)
    except ModelFailure as error:
        # The store was asked before the first word; from then on only the model can fail.
        yield _event("error", bytes(failed(error).body))
    finally:
        # Whoever stops listening ends the request to the model, too.
        rest.close()


def _told(step: Delta | AnswerResponse) -> bytes:
    return _event("delta" if isinstance(step, Delta) else "answer", step.model_dump_json(by_alias=True).encode())


def _event(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def _transcript(copy: Path) -> Response:
    lines = "json" if copy.name.removesuffix(".zst").endswith(".json") else "x-ndjson"
    media_type = f"application/{lines}"
    if copy.suffix != ".zst":
        return FileResponse(copy, media_type=media_type, filename=copy.name)
    return StreamingResponse(_unpacked(copy), media_type=media_type)


def _unpacked(copy: Path) -> Iterator[bytes]:
    from aethergrid_pipelines.capture.zstd_lines import BUFFER_BYTES, open_plain

    with open_plain(copy) as file:
        yield from iter(lambda: file.read(BUFFER_BYTES), b"")
