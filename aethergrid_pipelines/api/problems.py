"""Errors as ``application/problem+json`` (RFC 9457), with the field and the reason of each mistake."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeGuard

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable, UnknownEmbedder
from aethergrid_pipelines.query.language_model import (
    ModelFailure,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    NoModel,
)
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.vectors import CollectionMissing, DimensionMismatch

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5


class FieldProblem(BaseModel):
    """One mistake: where, and why."""

    field: str | None
    reason: str


class Problem(BaseModel):
    """RFC 9457: a problem. ``errors`` names each mistake of a request."""

    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


def problem(
    status: int,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    """A problem as a response; ``more`` are extension members."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse({**body, **more}, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: which problems a route may answer with."""
    return {status: {"model": Problem, "content": {MEDIA_TYPE: {}}} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer with problems whatever goes wrong."""
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(StoreUnavailable)(_retry_later)
    app.exception_handler(EmbedderUnavailable)(_retry_later)
    app.exception_handler(CollectionMissing)(_retry_later)
    app.exception_handler(UnknownEmbedder)(_misconfigured)
    app.exception_handler(DimensionMismatch)(_misconfigured)
    app.exception_handler(ModelFailure)(_model_failed)
    app.exception_handler(Exception)(_unexpected)


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    # What was sent is never repeated: it may be a megabyte, or a secret.
    errors = [{"field": _field(found["loc"]), "reason": _reason(found, request)} for found in error.errors()]
    unreadable = any(found["type"] == "json_invalid" for found in error.errors())
    detail = "; ".join(f"{found['field']}: {found['reason']}" for found in errors[:5])
    return problem(400 if unreadable else 422, detail, errors=errors)


def _field(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _reason(found: Mapping[str, Any], request: Request) -> str:
    if found["type"] == "extra_forbidden":
        model = _record_at(request, found["loc"][1:-1])
        names = ", ".join(model.model_json_schema(by_alias=True)["properties"]) if model else ""
        return f"unknown field; there are {names}" if names else "unknown field"
    if found["type"] == "json_invalid":
        return f"not JSON: {found.get('ctx', {}).get('error', 'unreadable')}"
    return str(found["msg"]).removeprefix("Value error, ")


def _record_at(request: Request, path: Sequence[int | str]) -> type[BaseModel] | None:
    """The record that a request's route wants at this place of its body; ``None`` where it wants none."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not route.dependant.body_params:
        return None
    wanted: object = route.dependant.body_params[0].field_info.annotation
    for name in path:
        fields = wanted.model_fields.values() if _is_record(wanted) else ()
        wanted = next((field.annotation for field in fields if field.alias == name), None)
    return wanted if _is_record(wanted) else None


def _is_record(wanted: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(wanted, type) and issubclass(wanted, BaseModel)


def _http(_: Request, error: HTTPException) -> JSONResponse:
    return problem(error.status_code, str(error.detail), headers=error.headers)


def _retry_later(_: Request, error: Exception) -> JSONResponse:
    logger.warning("%s", error)
    return problem(503, str(error), headers={"Retry-After": str(RETRY_SECONDS)})


def _misconfigured(_: Request, error: Exception) -> JSONResponse:
    logger.error("%s", error)
    return problem(503, str(error))


def _model_failed(_: Request, error: Exception) -> JSONResponse:
    return failed(error)


def failed(error: Exception) -> JSONResponse:
    """A ``ModelFailure`` as a problem."""
    logger.warning("%s", error)
    statuses = {NoModel: 503, ModelRefused: 502, ModelTimeout: 504}
    status = next((found for kind, found in statuses.items() if isinstance(error, kind)), 503)
    headers = {"Retry-After": str(RETRY_SECONDS)} if isinstance(error, ModelUnavailable) else None
    return problem(status, str(error), headers=headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # Starlette raises the error again after this answer, and the server logs it with its traceback.
    return problem(500, "unexpected error; the log of the API has it")
