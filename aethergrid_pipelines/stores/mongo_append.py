"""How a batch of messages gets into MongoDB so that no crash hides a change, without multi-document transactions.

(a) Each conversation that something is new for gets a fresh version and a mark of this writer; (b) its messages are
written; (c) its summary is brought up to date, the version is fresh again and the mark goes. A conversation that has
a mark equals no version that a reader ever saw, so that it stays stale until its writer, or ``repair``, is done.

The sums in (c) hold only if nobody else announced or concluded a write to the conversation since (a), which its
version tells; else the summary is counted anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aethergrid_pipelines.records.conversation import RENDERED, Conversation
from aethergrid_pipelines.stores.conversations import Appended
from aethergrid_pipelines.stores.mongo_collections import Document, MongoCollections
from aethergrid_pipelines.stores.mongo_documents import message_document
from aethergrid_pipelines.stores.mongo_summary import fresh_version, settle, without_marks
from aethergrid_pipelines.stores.prepared_message import Prepared, PreparedMessage, day_of

if TYPE_CHECKING:
    from pymongo import UpdateOne
    from pymongo.errors import BulkWriteError

PART_MESSAGES = 1_000
PART_CHARACTERS = 16_000_000
DUPLICATE_KEY = 11_000


@dataclass(slots=True)
class _Target:
    """A conversation, what the store knows of it, and what is to change."""

    conversation: Conversation
    document: Document | None
    stored: dict[str, tuple[str, int]] = field(default_factory=dict)
    originals: set[str] = field(default_factory=set)
    moments: list[int] = field(default_factory=list)
    writes: dict[str, PreparedMessage] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)
    title: str | None = None
    recount: bool = False
    version: str = field(default_factory=fresh_version)

    @property
    def forgotten(self) -> bool:
        return self.document is not None and "forgotten" in self.document

    @property
    def touched(self) -> bool:
        exists = self.document is not None or bool(self.moments)
        return exists and bool(self.writes or self.title is not None or self.recount)


def parts(prepared: Prepared) -> Iterator[Prepared]:
    """Slices of a batch that are short to write; together they hold every entry, some of them in several pieces."""
    part: Prepared = []
    count = characters = 0
    for conversation, messages in prepared:
        part.append((conversation, []))
        for message in messages:
            if count >= PART_MESSAGES or characters > PART_CHARACTERS:
                yield part
                part = [(conversation, [])]
                count = characters = 0
            part[-1][1].append(message)
            count += 1
            characters += len(message.message.content) + len(message.metadata)
    yield part


def append_part(collections: MongoCollections, part: Prepared) -> list[list[Appended | None]]:
    """Write one part; an outcome is ``None`` where a message is too large."""
    targets = _load(collections, part)
    outcomes = [_plan(targets[conversation.id], conversation, messages) for conversation, messages in part]
    touched = {identifier: target for identifier, target in targets.items() if target.touched}
    forgotten = {identifier for identifier, target in targets.items() if target.forgotten}
    overtaken: set[str] = set()
    if touched:
        mark = uuid.uuid4().hex
        refused = _announce(collections, touched, mark)
        forgotten |= refused
        touched = {identifier: target for identifier, target in touched.items() if identifier not in refused}
        overtaken = _write_messages(collections, touched)
        forgotten |= _conclude(collections, touched, mark)
    return [
        [
            Appended.FORGOTTEN
            if conversation.id in forgotten
            else Appended.UPDATED
            if outcome is Appended.STORED and message.id in overtaken
            else outcome
            for message, outcome in zip(messages, results, strict=True)
        ]
        for (conversation, messages), results in zip(part, outcomes, strict=True)
    ]


def _load(collections: MongoCollections, part: Prepared) -> dict[str, _Target]:
    told = {conversation.id: conversation for conversation, _ in part}
    fields = {"title": 1, "forgotten": 1, "writers": 1}
    found = collections.conversations.find({"_id": {"$in": list(told)}}, fields)
    documents = {document["_id"]: document for document in found}
    targets = {identifier: _Target(told[identifier], documents.get(identifier)) for identifier in told}
    ids = [message.id for _, messages in part for message in messages]
    fields = {"conversation_id": 1, "digest": 1, "timestamp": 1, "origin.path": 1}
    for row in collections.messages.find({"_id": {"$in": ids}}, fields):
        targets[row["conversation_id"]].stored[row["_id"]] = (row["digest"], row["timestamp"])
        if row["origin"]["path"] != RENDERED:
            targets[row["conversation_id"]].originals.add(row["_id"])
    for target in targets.values():
        # A writer that died may have left messages behind that the summary does not know.
        incomplete = bool(target.stored) if target.document is None else bool(target.document.get("writers"))
        target.recount = incomplete and not target.forgotten
    return targets


def _plan(target: _Target, conversation: Conversation, messages: list[PreparedMessage]) -> list[Appended | None]:
    if target.forgotten:
        return [Appended.FORGOTTEN] * len(messages)
    known = target.title or (target.document or {}).get("title")
    if conversation.title is not None and conversation.title != known:
        target.title = conversation.title
    return [_plan_message(target, message) for message in messages]


def _plan_message(target: _Target, message: PreparedMessage) -> Appended | None:
    if message.too_large:
        return None
    target.moments.append(message.timestamp)
    before = target.stored.get(message.id)
    original = message.rendered and message.id in target.originals
    if before is not None and (original or before[0] == message.digest):
        return Appended.UNCHANGED
    if not message.rendered:
        target.originals.add(message.id)
    target.stored[message.id] = (message.digest, message.timestamp)
    target.writes[message.id] = message
    if before is None:
        target.added.add(message.id)
        return Appended.STORED
    if message.id not in target.added and before[1] != message.timestamp:
        target.recount = True
    return Appended.UPDATED


def _announce(collections: MongoCollections, targets: dict[str, _Target], mark: str) -> set[str]:
    """Step (a). Returns the conversations that are forgotten, where the insert collides with what is left of them."""
    from pymongo.errors import BulkWriteError

    waiting = list(targets)
    forgotten: set[str] = set()
    while waiting:
        try:
            collections.conversations.bulk_write([_announcement(targets[i], mark) for i in waiting], ordered=False)
            break
        except BulkWriteError as error:
            collided = [waiting[failure["index"]] for failure in _duplicates(error)]
        found = collections.conversations.find({"_id": {"$in": collided}, "forgotten": {"$exists": True}}, {"_id": 1})
        forgotten |= {document["_id"] for document in found}
        # The others were made by another writer at the same moment; now there is something to update.
        waiting = [identifier for identifier in collided if identifier not in forgotten]
    return forgotten


def _announcement(target: _Target, mark: str) -> UpdateOne:
    from pymongo import UpdateOne

    told = target.conversation
    update: Document = {"$set": {"version": target.version}, "$currentDate": {f"writers.{mark}": True}}
    if target.moments:
        update["$setOnInsert"] = {
            "space": told.space,
            "source": told.source,
            "native_id": told.native_id,
            "title": target.title,
            "message_count": 0,
            **_span(target),
        }
    where = {"_id": told.id, "forgotten": {"$exists": False}}
    return UpdateOne(where, update, upsert=bool(target.moments))


def _span(target: _Target) -> Document:
    first = min(target.moments)
    return {"first_at": first, "day": day_of(first).isoformat(), "last_at": max(target.moments)}


def _duplicates(error: BulkWriteError) -> list[Document]:
    """The failures of a bulk write where all of them are collisions of keys; raises ``error`` where they are not."""
    failures: list[Document] = error.details["writeErrors"]
    if error.details["writeConcernErrors"] or any(failure["code"] != DUPLICATE_KEY for failure in failures):
        raise error
    return failures


def _write_messages(collections: MongoCollections, targets: dict[str, _Target]) -> set[str]:
    """Step (b). Returns the messages that seemed to be new and that another writer stored first."""
    from pymongo import ReplaceOne
    from pymongo.errors import BulkWriteError

    waiting = [message for target in targets.values() for message in target.writes.values()]
    added: set[str] = set()
    while waiting:
        writes = [ReplaceOne(_named(message), message_document(message), upsert=True) for message in waiting]
        try:
            done = collections.messages.bulk_write(writes, ordered=False)
            added.update((done.upserted_ids or {}).values())
            break
        except BulkWriteError as error:
            collided = [waiting[failure["index"]] for failure in _duplicates(error)]
            added.update(row["_id"] for row in error.details["upserted"])
            waiting = collided
    planned = {identifier for target in targets.values() for identifier in target.added}
    for target in targets.values():
        target.added &= added
    return planned - added


def _named(prepared: PreparedMessage) -> Document:
    # By the conversation, too, which the id follows from: a sharded collection finds the shard by it.
    return {"_id": prepared.id, "conversation_id": prepared.message.conversation_id}


def _conclude(collections: MongoCollections, targets: dict[str, _Target], mark: str) -> set[str]:
    """Step (c). Returns the conversations that were forgotten meanwhile; nothing of them remains."""
    summed = [_conclusion(target, mark) for target in targets.values() if not target.recount]
    if summed:
        collections.conversations.bulk_write(summed, ordered=False)
    unsettled = collections.conversations.find({"_id": {"$in": list(targets)}, f"writers.{mark}": {"$exists": True}})
    return {
        document["_id"]
        for document in list(unsettled)
        if not settle(collections, document["_id"], [mark], targets[document["_id"]].title)
    }


def _conclusion(target: _Target, mark: str) -> UpdateOne:
    from pymongo import UpdateOne

    told: Document = {"version": fresh_version()}
    if target.title is not None:
        told["title"] = target.title
    update: Document = {"$set": told, **without_marks([mark])}
    if target.writes:
        span = _span(target)
        update["$inc"] = {"message_count": len(target.added)}
        update["$max"] = {"last_at": span.pop("last_at")}
        update["$min"] = span
    return UpdateOne({"_id": target.conversation.id, "version": target.version}, update)
