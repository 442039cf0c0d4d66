"""The change feed of MongoDB: a change stream on the conversations, read page by page.

A cursor is extended JSON of the collection's name and a resume token
(https://www.mongodb.com/docs/manual/changeStreams/#resume-a-change-stream).
"""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import TYPE_CHECKING, Any

from aethergrid_pipelines.stores.conversations import Change, ChangePage, HistoryLost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymongo.change_stream import ChangeStream
    from pymongo.collection import Collection

    from aethergrid_pipelines.stores.mongo_collections import Document

CANNOT_RESUME = frozenset({136, 260, 280, 286, 50811})
"""CappedPositionLost, InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost, and a token that is no
KeyString (https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml)."""

_HEXADECIMAL = re.compile("[0-9A-Fa-f]+")

DRAIN_MILLISECONDS = 1
WAIT_SECONDS = 10.0

PIPELINE: list[Mapping[str, Any]] = [
    {"$match": {"operationType": {"$in": ["insert", "update", "replace", "invalidate"]}}},
    {"$project": {"operationType": 1, "documentKey": 1, "fullDocument.day": 1}},
]


def read_changes(conversations: Collection[Document], cursor: str | None, *, limit: int, wait: float) -> ChangePage:
    """See ``ConversationStore.changes``. What there is comes at once; only where there is nothing does it wait."""
    from bson import json_util
    from pymongo.errors import OperationFailure

    token = None if cursor is None else _token(conversations, cursor)
    deadline = time.monotonic() + wait
    try:
        days, token = _read(conversations, token, limit, 0.0)
        while not days and (remaining := deadline - time.monotonic()) > 0:
            # One is enough: those behind it come with the next page, without waiting.
            days, token = _read(conversations, token, 1, min(remaining, WAIT_SECONDS))
    except OperationFailure as error:
        if error.code in CANNOT_RESUME or error.has_error_label("NonResumableChangeStreamError"):
            raise HistoryLost(f"the change stream cannot go on from {cursor}: {error}") from error
        raise
    changes = [Change(identifier, dt.date.fromisoformat(day)) for identifier, day in days.items()]
    return ChangePage(changes, json_util.dumps({"collection": conversations.full_name, "token": token}))


def _read(
    conversations: Collection[Document], token: Document | None, limit: int, wait: float
) -> tuple[dict[str, str], Document]:
    """At most ``limit`` conversations and their days, in the order of their last change, and where to go on."""
    milliseconds = max(DRAIN_MILLISECONDS, round(wait * 1_000))
    with conversations.watch(
        PIPELINE, full_document="updateLookup", resume_after=token, max_await_time_ms=milliseconds, batch_size=limit
    ) as stream:
        days: dict[str, str] = {}
        while token is not None and len(days) < limit and (change := stream.try_next()) is not None:
            if change["operationType"] == "invalidate":
                raise HistoryLost(f"the collection {conversations.full_name} was dropped or renamed")
            identifier = change["documentKey"]["_id"]
            # Nothing is looked up for a document that was removed from outside meanwhile.
            if (document := change.get("fullDocument")) is not None:
                days.pop(identifier, None)
                days[identifier] = document["day"]
        return days, _position(stream)


def _position(stream: ChangeStream[Document]) -> Document:
    # The answer to the opening of a stream carries a token, so that «from now on» leaves no gap (MongoDB 4.2).
    if stream.resume_token is None:
        stream.try_next()
    token = stream.resume_token
    if token is None:
        raise HistoryLost("the server gives no resume token; change streams need a replica set of MongoDB 4.2 or later")
    return dict(token)


def _token(conversations: Collection[Document], cursor: str) -> Document:
    from bson import json_util
    from bson.errors import BSONError

    try:
        known = json_util.loads(cursor)
    except (ValueError, TypeError, BSONError):
        known = None
    if isinstance(known, dict) and known.get("collection") == conversations.full_name:
        token = known.get("token")
        if isinstance(token, dict) and _HEXADECIMAL.fullmatch(str(token.get("_data"))):
            return token
    raise HistoryLost(f"{cursor!r} is no cursor of {conversations.full_name}")
