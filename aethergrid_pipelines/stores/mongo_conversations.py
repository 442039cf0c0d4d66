"""The conversation store for production: MongoDB (4.2 or later, a replica set), with change streams."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from aethergrid_pipelines.records.conversation import Conversation, Message
from aethergrid_pipelines.stores.conversations import Appended, ChangePage, ConversationState
from aethergrid_pipelines.stores.message_pages import PAGE_ROWS, Place, ends, page_of, paged
from aethergrid_pipelines.stores.mongo_append import append_part, parts
from aethergrid_pipelines.stores.mongo_changes import read_changes
from aethergrid_pipelines.stores.mongo_collections import (
    IN_ORDER,
    Document,
    MongoCollections,
    address_of,
    connect,
    reaching,
)
from aethergrid_pipelines.stores.mongo_documents import message_of, state_of
from aethergrid_pipelines.stores.mongo_summary import repair, without_marks
from aethergrid_pipelines.stores.prepared_message import accounted, prepare

ASKED_AT_ONCE = 100
"""Conversations of which the messages are asked for in one question."""

_VISIBLE: Document = {"forgotten": {"$exists": False}, "message_count": {"$gt": 0}}


class MongoConversationStore:
    """See :class:`~aethergrid_pipelines.stores.conversations.ConversationStore`; how it writes without transactions
    is in :mod:`aethergrid_pipelines.stores.mongo_append`.

    A version is a random number, a cursor holds a resume token. A conversation to which somebody is writing, or died
    while writing, has a version that equals no other; ``states`` repairs what was left so for five minutes.
    """

    def __init__(self, url: str, database: str) -> None:
        """Nothing is connected yet; raises ``pymongo.errors.InvalidURI`` for an address that is none."""
        self._address = address_of(url)
        self._client = connect(url)
        self._collections = MongoCollections(
            self._client[database]["conversations"], self._client[database]["messages"]
        )
        self._receipts = self._client[database]["receipts"]
        self._indexed = False

    def append(self, batch: Sequence[tuple[Conversation, Sequence[Message]]]) -> list[list[Appended]]:
        prepared = prepare(batch)
        outcomes: list[Appended | None] = []
        with reaching(self._address):
            if not self._indexed:
                self._collections.ensure_indexes()
                self._indexed = True
            for part in parts(prepared):
                for results in append_part(self._collections, part):
                    outcomes.extend(results)
        in_order = iter(outcomes)
        return accounted(prepared, [[next(in_order) for _ in messages] for _, messages in prepared])

    def states(self, *, day: dt.date | None = None, ids: Collection[str] | None = None) -> Iterator[ConversationState]:
        of_day = {} if day is None else {"day": day.isoformat()}
        with reaching(self._address):
            repair(self._collections)
        if ids is None:
            yield from self._scan(of_day)
            return
        wanted = sorted(set(ids))
        for start in range(0, len(wanted), PAGE_ROWS):
            yield from self._states({**of_day, "_id": {"$in": wanted[start : start + PAGE_ROWS]}})

    def _scan(self, where: Document) -> Iterator[ConversationState]:
        # Each page is a query of its own: a cursor would time out on a reader that takes its time.
        after = ""
        while page := self._states({**where, "_id": {"$gt": after}}):
            yield from page
            after = page[-1].conversation.id

    def _states(self, where: Document) -> list[ConversationState]:
        with reaching(self._address):
            found = self._collections.conversations.find({**where, **_VISIBLE}).sort("_id", 1).limit(PAGE_ROWS)
            return [state_of(document) for document in found]

    def days(self) -> list[tuple[dt.date, int]]:
        pipeline: list[Document] = [
            {"$match": _VISIBLE},
            {"$group": {"_id": "$day", "count": {"$sum": 1}}},
            {"$sort": {"_id": 1}},
        ]
        with reaching(self._address):
            found = self._collections.conversations.aggregate(pipeline)
            return [(dt.date.fromisoformat(row["_id"]), row["count"]) for row in found]

    def messages(self, conversation_ids: Sequence[str]) -> Iterator[Message]:
        for start in range(0, len(conversation_ids), ASKED_AT_ONCE):
            some = conversation_ids[start : start + ASKED_AT_ONCE]
            # Most are short, and to ask for each takes longer than to read it.
            found = self._short(some) if len(some) > 1 else {}
            for identifier in some:
                if identifier in found:
                    yield from found.pop(identifier)
                else:
                    yield from paged(partial(self._page, identifier))

    def _short(self, conversation_ids: Sequence[str]) -> dict[str, list[Message]]:
        """The messages of those of these conversations that one page holds whole."""
        where: Document = {"conversation_id": {"$in": list(conversation_ids)}}
        order = [("conversation_id", 1), *IN_ORDER]
        with reaching(self._address), self._collections.messages.find(where).sort(order).limit(PAGE_ROWS) as rows:
            page = page_of(message_of(document) for document in rows)
        found: dict[str, list[Message]] = {identifier: [] for identifier in conversation_ids} if ends(page) else {}
        for message in page:
            found.setdefault(message.conversation_id, []).append(message)
        if not ends(page):
            # The last one may go on.
            found.popitem()
        return found

    def _page(self, conversation_id: str, after: Place) -> list[Message]:
        timestamp, position, identifier = after
        where: Document = {
            "conversation_id": conversation_id,
            "timestamp": {"$gte": timestamp},
            "$or": [
                {"timestamp": {"$gt": timestamp}},
                {"timestamp": timestamp, "position": {"$gt": position}},
                {"timestamp": timestamp, "position": position, "_id": {"$gt": identifier}},
            ],
        }
        with (
            reaching(self._address),
            self._collections.messages.find(where).sort(IN_ORDER).limit(PAGE_ROWS) as found,
        ):
            return page_of(message_of(document) for document in found)

    def forget(self, conversation_id: str) -> bool:
        mark = uuid.uuid4().hex
        known = {"_id": conversation_id, "forgotten": {"$exists": False}}
        # The marks stay: whoever is writing, and whoever repairs, deletes what comes after this.
        update: Document = {
            "$set": {"forgotten": True},
            "$unset": dict.fromkeys(_FORGOTTEN_FIELDS, ""),
            "$currentDate": {f"writers.{mark}": True},
        }
        with reaching(self._address):
            forgotten = self._collections.conversations.update_one(known, update).matched_count == 1
            if forgotten or self._collections.conversations.find_one({"_id": conversation_id, "forgotten": True}):
                self._collections.messages.delete_many({"conversation_id": conversation_id})
            if forgotten:
                self._collections.conversations.update_one({"_id": conversation_id}, without_marks([mark]))
        return forgotten

    def changes(self, cursor: str | None, *, limit: int = 1_000, wait: float = 0.0) -> ChangePage:
        with reaching(self._address):
            return read_changes(self._collections.conversations, cursor, limit=limit, wait=wait)

    def receipt(self) -> str:
        given = uuid.uuid4().hex
        with reaching(self._address):
            count = self._collections.conversations.estimated_document_count()
            self._receipts.insert_one({"_id": given, "conversations": count})
        return given

    def honours(self, receipt: str) -> bool:
        with reaching(self._address):
            found = self._receipts.find_one({"_id": receipt})
            # Of a forgotten conversation its document remains, so that they only ever become more.
            return found is not None and (
                self._collections.conversations.estimated_document_count() >= found["conversations"]
            )

    def ping(self) -> None:
        with reaching(self._address):
            self._client.admin.command("ping")

    def close(self) -> None:
        self._client.close()


_FORGOTTEN_FIELDS = ("space", "source", "native_id", "title", "version", "message_count", "first_at", "last_at")
