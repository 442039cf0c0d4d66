"""The embedded conversation store: one SQLite file, with a change feed by sequence number."""

import datetime as dt
import json
import sqlite3
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from aethergrid_pipelines.records.conversation import Conversation, Message, Origin, Role
from aethergrid_pipelines.stores.conversations import Appended, Change, ChangePage, ConversationState, HistoryLost
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.message_pages import PAGE_ROWS, Place, page_of, paged
from aethergrid_pipelines.stores.prepared_message import accounted, moment_of, prepare
from aethergrid_pipelines.stores.sqlite_append import advance, append, erase_descriptions, erase_texts
from aethergrid_pipelines.stores.sqlite_connections import SqliteConnections

POLL_SECONDS = 0.025

_STATES = (
    "SELECT c.id, s.id, c.sequence, c.day, c.message_count, c.first_at, c.last_at, d.space, d.source, d.native_id,"
    " d.title FROM conversations c JOIN descriptions d ON d.key = c.description CROSS JOIN store s"
    " WHERE c.description IS NOT NULL AND c.id > ?"
)
_OF_DAY = " AND c.day = ?"
_AMONG = " AND c.id IN (SELECT value FROM json_each(?))"
_IN_ORDER = " ORDER BY c.id LIMIT ?"

_MESSAGES = (
    "SELECT m.id, m.timestamp, m.position, t.timestamp_inferred, t.role, t.model, t.native_id, t.origin_path,"
    " t.origin_line, t.metadata, t.content FROM messages m JOIN texts t ON t.key = m.text"
    " WHERE m.conversation = (SELECT key FROM conversations WHERE id = ?)"
    " AND (m.timestamp, m.position, m.id) > (?, ?, ?) ORDER BY m.timestamp, m.position, m.id LIMIT ?"
)


class SqliteConversationStore:
    """See :class:`~aethergrid_pipelines.stores.conversations.ConversationStore`. Several processes may share a file.

    A version is ``<store id>:<sequence>``, a cursor likewise; a sequence number is never used twice. What was
    forgotten or replaced is overwritten at once, but its space in the file is not used again.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet; the file is made when first needed, its folder must be there."""
        self._path = path
        self._connections = SqliteConnections(path, "conversations")

    def append(self, batch: Sequence[tuple[Conversation, Sequence[Message]]]) -> list[list[Appended]]:
        prepared = prepare(batch)
        with self._connections.writing() as connection:
            outcomes = append(connection, prepared)
        return accounted(prepared, outcomes)

    def states(self, *, day: dt.date | None = None, ids: Collection[str] | None = None) -> Iterator[ConversationState]:
        if ids is None:
            return self._scan(day)
        wanted = sorted(set(ids))
        slices = (wanted[start : start + PAGE_ROWS] for start in range(0, len(wanted), PAGE_ROWS))
        return chain.from_iterable(self._states("", day, among) for among in slices)

    def _scan(self, day: dt.date | None) -> Iterator[ConversationState]:
        after = ""
        while page := self._states(after, day, None):
            yield from page
            after = page[-1].conversation.id

    def _states(self, after: str, day: dt.date | None, among: list[str] | None) -> list[ConversationState]:
        query = _STATES + (_OF_DAY if day else "") + (_AMONG if among else "") + _IN_ORDER
        values = [after, *([day.isoformat()] if day else []), *([json.dumps(among)] if among else []), PAGE_ROWS]
        with self._connections.reading() as connection:
            return [_state(row) for row in connection.execute(query, values).fetchall()]

    def days(self) -> list[tuple[dt.date, int]]:
        query = "SELECT day, count(*) FROM conversations WHERE description IS NOT NULL GROUP BY day ORDER BY day"
        with self._connections.reading() as connection:
            return [(dt.date.fromisoformat(day), count) for day, count in connection.execute(query).fetchall()]

    def messages(self, conversation_ids: Sequence[str]) -> Iterator[Message]:
        for identifier in conversation_ids:
            # Page by page, since an open cursor would hold up the checkpoint by which forgetting empties the WAL.
            yield from paged(partial(self._page, identifier))

    def _page(self, conversation_id: str, after: Place) -> list[Message]:
        with (
            self._connections.reading() as connection,
            closing(connection.execute(_MESSAGES, (conversation_id, *after, PAGE_ROWS))) as rows,
        ):
            return page_of(_message(conversation_id, row) for row in rows)

    def forget(self, conversation_id: str) -> bool:
        with self._connections.writing() as connection:
            forgotten = _forget(connection, conversation_id)
        # Also where there was nothing to forget: an earlier call may have failed here.
        with self._connections.reading() as connection:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise StoreUnavailable(
                f"SQLite at {self._path}: {conversation_id} is forgotten, but a reader keeps the write-ahead log, which"
                " still holds its text; forget it again later"
            )
        return forgotten

    def changes(self, cursor: str | None, *, limit: int = 1_000, wait: float = 0.0) -> ChangePage:
        deadline = time.monotonic() + wait
        with self._connections.reading() as connection:
            store, newest = connection.execute("SELECT id, sequence FROM store").fetchone()
        after = newest if cursor is None else _sequence(cursor, store, newest)
        while True:
            with self._connections.reading() as connection:
                rows = connection.execute(
                    "SELECT id, day, sequence FROM conversations WHERE sequence > ? ORDER BY sequence LIMIT ?",
                    (after, limit),
                ).fetchall()
            remaining = deadline - time.monotonic()
            if rows or remaining <= 0:
                break
            time.sleep(min(POLL_SECONDS, remaining))
        changes = [Change(identifier, dt.date.fromisoformat(day)) for identifier, day, _ in rows]
        return ChangePage(changes, f"{store}:{rows[-1][2] if rows else after}")

    def receipt(self) -> str:
        given = uuid.uuid4().hex
        with self._connections.writing() as connection:
            connection.execute(
                "INSERT INTO receipts SELECT ?, coalesce(max(key), 0) FROM conversations",
                (given,),
            )
        return given

    def honours(self, receipt: str) -> bool:
        query = (
            "SELECT EXISTS (SELECT 1 FROM receipts WHERE id = ?"
            " AND conversations <= (SELECT coalesce(max(key), 0) FROM conversations))"
        )
        with self._connections.reading() as connection:
            return bool(connection.execute(query, (receipt,)).fetchone()[0])

    def ping(self) -> None:
        with self._connections.reading() as connection:
            connection.execute("SELECT sequence FROM store").fetchone()

    def close(self) -> None:
        self._connections.close()


def _sequence(cursor: str, store: str, newest: int) -> int:
    origin, _, sequence = cursor.rpartition(":")
    if origin != store or not sequence.isdecimal() or int(sequence) > newest:
        raise HistoryLost(f"{cursor!r} is no cursor of this conversation store")
    return int(sequence)


def _state(row: tuple[Any, ...]) -> ConversationState:
    identifier, store, sequence, day, message_count, first_at, last_at, space, source, native_id, title = row
    return ConversationState(
        conversation=Conversation(id=identifier, space=space, source=source, native_id=native_id, title=title),
        day=dt.date.fromisoformat(day),
        version=f"{store}:{sequence}",
        message_count=message_count,
        first_at=moment_of(first_at),
        last_at=moment_of(last_at),
    )


def _message(conversation_id: str, row: tuple[Any, ...]) -> Message:
    identifier, timestamp, position, inferred, role, model, native_id, path, line, metadata, content = row
    return Message(
        id=identifier,
        conversation_id=conversation_id,
        native_id=native_id,
        timestamp=moment_of(timestamp),
        timestamp_inferred=bool(inferred),
        role=Role(role),
        content=content,
        model=model,
        position=position,
        metadata=json.loads(metadata),
        origin=Origin(path=path, line=line),
    )


def _forget(connection: sqlite3.Connection, conversation_id: str) -> bool:
    query = "SELECT key, description FROM conversations WHERE id = ? AND description IS NOT NULL"
    row = connection.execute(query, (conversation_id,)).fetchone()
    if row is None:
        return False
    key, description = row
    texts = connection.execute("SELECT text FROM messages WHERE conversation = ?", (key,)).fetchall()
    erase_texts(connection, [text for (text,) in texts])
    erase_descriptions(connection, [description])
    connection.execute("DELETE FROM messages WHERE conversation = ?", (key,))
    connection.execute(
        "UPDATE conversations SET sequence = ?, description = NULL, message_count = 0, first_at = NULL, last_at = NULL"
        " WHERE key = ?",
        (advance(connection, 1), key),
    )
    return True
