"""The summary that a conversation document keeps of its messages, and how it is made right again.

A writer leaves a mark, ``writers.<batch>``, with the server's time before it writes messages, and removes it when the
summary is right. A mark that is still there after five minutes is that of a writer that died.
"""

import datetime as dt
import uuid
from collections.abc import Collection

from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.mongo_collections import OPEN, Document, MongoCollections
from aethergrid_pipelines.stores.prepared_message import day_of

ABANDONED_AFTER = dt.timedelta(minutes=5)
ATTEMPTS = 200


def fresh_version() -> str:
    """A version that nothing had before."""
    return uuid.uuid4().hex


def without_marks(marks: Collection[str]) -> Document:
    """The part of an update that removes the marks of writers."""
    return {"$unset": {f"writers.{mark}": "" for mark in marks}}


def settle(collections: MongoCollections, identifier: str, marks: Collection[str], title: str | None = None) -> bool:
    """Count the messages of a conversation anew and remove ``marks``; False where it was forgotten meanwhile.

    Each attempt holds only if nobody announced or concluded a write since it began; one of them always gets through.
    """
    for _ in range(ATTEMPTS):
        document = collections.conversations.find_one({"_id": identifier})
        if document is None:
            raise StoreUnavailable(f"MongoDB: conversation {identifier} was removed from outside; append it again")
        if "forgotten" in document:
            collections.messages.delete_many({"conversation_id": identifier})
            collections.conversations.update_one({"_id": identifier}, without_marks(marks))
            return False
        if _replace_summary(collections, document, marks, title):
            return True
    raise StoreUnavailable(f"MongoDB: too many writers at once on conversation {identifier}; append it again")


def _replace_summary(
    collections: MongoCollections, document: Document, marks: Collection[str], title: str | None
) -> bool:
    counted = list(
        collections.messages.aggregate(
            [
                {"$match": {"conversation_id": document["_id"]}},
                {
                    "$group": {
                        "_id": None,
                        "message_count": {"$sum": 1},
                        "first_at": {"$min": "$timestamp"},
                        "last_at": {"$max": "$timestamp"},
                    }
                },
            ]
        )
    )
    summary: Document = {"version": fresh_version(), "message_count": 0}
    for row in counted:
        summary |= {name: row[name] for name in ("message_count", "first_at", "last_at")}
        summary["day"] = day_of(row["first_at"]).isoformat()
    if title is not None:
        summary["title"] = title
    unchanged = {"_id": document["_id"], "version": document["version"]}
    update = {"$set": summary, **without_marks(marks)}
    return collections.conversations.update_one(unchanged, update).matched_count == 1


def repair(collections: MongoCollections) -> None:
    """Finish what writers began that died more than five minutes ago, by the clock of the server."""
    unfinished = list(collections.conversations.find(OPEN, {"writers": 1}))
    if not unfinished:
        return
    now: dt.datetime = collections.conversations.database.command("hello")["localTime"]
    for document in unfinished:
        marks = [mark for mark, since in document["writers"].items() if now - since > ABANDONED_AFTER]
        if marks:
            settle(collections, document["_id"], marks)
