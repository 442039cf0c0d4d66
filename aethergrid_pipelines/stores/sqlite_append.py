"""How a batch of messages gets into the SQLite conversation store: planned in memory, written by few statements.

See ``sql/conversations`` for why texts are only added at the end and overwritten in place.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from aethergrid_pipelines.records.conversation import RENDERED, Conversation
from aethergrid_pipelines.stores.conversations import Appended
from aethergrid_pipelines.stores.prepared_message import Prepared, PreparedMessage, day_of


@dataclass(slots=True)
class _Target:
    """A conversation as it is in the store (``sequence`` is ``None`` for one that is not), and what is to change."""

    conversation: Conversation
    key: int
    sequence: int | None = None
    description: int | None = None
    title: str | None = None
    message_count: int = 0
    first_at: int | None = None
    last_at: int | None = None
    digests: dict[str, str] = field(default_factory=dict)
    originals: set[str] = field(default_factory=set)
    added: dict[str, PreparedMessage] = field(default_factory=dict)
    edited: dict[str, PreparedMessage] = field(default_factory=dict)
    retitled: bool = False

    @property
    def forgotten(self) -> bool:
        return self.sequence is not None and self.description is None

    @property
    def changed(self) -> bool:
        return bool(self.added or self.edited or (self.retitled and self.sequence is not None))


def append(connection: sqlite3.Connection, prepared: Prepared) -> list[list[Appended | None]]:
    """Write a batch inside the transaction of the caller; an outcome is ``None`` where a message is too large."""
    targets = _load(connection, {conversation.id: conversation for conversation, _ in prepared})
    outcomes = [
        _plan(connection, targets[conversation.id], conversation, messages) for conversation, messages in prepared
    ]
    changed = [target for target in targets.values() if target.changed]
    if changed:
        _write_messages(connection, changed)
        _write_conversations(connection, changed)
    return outcomes


def erase_texts(connection: sqlite3.Connection, keys: Sequence[int]) -> None:
    """Overwrite what messages said by as many zeros: a row of the same size is overwritten where it stands."""
    connection.executemany(
        "UPDATE texts SET model = CAST(zeroblob(length(CAST(model AS BLOB))) AS TEXT),"
        " native_id = CAST(zeroblob(length(CAST(native_id AS BLOB))) AS TEXT),"
        " origin_path = CAST(zeroblob(length(CAST(origin_path AS BLOB))) AS TEXT),"
        " metadata = CAST(zeroblob(length(CAST(metadata AS BLOB))) AS TEXT),"
        " content = CAST(zeroblob(length(CAST(content AS BLOB))) AS TEXT) WHERE key = ?",
        [(key,) for key in keys],
    )


def erase_descriptions(connection: sqlite3.Connection, keys: Sequence[int]) -> None:
    """Overwrite what conversations were called by as many zeros, in place."""
    connection.executemany(
        "UPDATE descriptions SET space = CAST(zeroblob(length(CAST(space AS BLOB))) AS TEXT),"
        " source = CAST(zeroblob(length(CAST(source AS BLOB))) AS TEXT),"
        " native_id = CAST(zeroblob(length(CAST(native_id AS BLOB))) AS TEXT),"
        " title = CAST(zeroblob(length(CAST(title AS BLOB))) AS TEXT) WHERE key = ?",
        [(key,) for key in keys],
    )


def advance(connection: sqlite3.Connection, steps: int) -> int:
    """Take the next ``steps`` sequence numbers of the store; returns the first of them."""
    connection.execute("UPDATE store SET sequence = sequence + ?", (steps,))
    return _number(connection, "SELECT sequence FROM store") - steps + 1


def _number(connection: sqlite3.Connection, query: str, *values: int) -> int:
    number: int = connection.execute(query, values).fetchone()[0]
    return number


def _load(connection: sqlite3.Connection, conversations: dict[str, Conversation]) -> dict[str, _Target]:
    rows = connection.execute(
        "SELECT c.id, c.key, c.sequence, c.description, d.title, c.message_count, c.first_at, c.last_at"
        " FROM conversations c LEFT JOIN descriptions d ON d.key = c.description"
        " WHERE c.id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(conversations)),),
    )
    known = {row[0]: _Target(conversations[row[0]], *row[1:]) for row in rows}
    key = _number(connection, "SELECT coalesce(max(key), 0) + 1 FROM conversations")
    targets = {}
    for identifier, conversation in conversations.items():
        targets[identifier] = known.get(identifier) or _Target(conversation, key)
        key += identifier not in known
    return targets


def _plan(
    connection: sqlite3.Connection, target: _Target, conversation: Conversation, messages: list[PreparedMessage]
) -> list[Appended | None]:
    if target.forgotten:
        return [Appended.FORGOTTEN] * len(messages)
    if conversation.title is not None and conversation.title != target.title:
        target.title = conversation.title
        target.retitled = True
    if target.sequence is not None:
        _look_up(connection, target, [message.id for message in messages if message.id not in target.digests])
        _look_up_originals(connection, target, [message.id for message in messages if message.rendered])
    return [_plan_message(target, message) for message in messages]


def _look_up(connection: sqlite3.Connection, target: _Target, ids: list[str]) -> None:
    query = "SELECT id, digest FROM messages WHERE conversation = ? AND id IN (SELECT value FROM json_each(?))"
    target.digests.update(connection.execute(query, (target.key, json.dumps(ids))))


def _look_up_originals(connection: sqlite3.Connection, target: _Target, ids: list[str]) -> None:
    if not ids:
        return
    query = (
        "SELECT m.id FROM messages m JOIN texts t ON t.key = m.text"
        " WHERE m.conversation = ? AND m.id IN (SELECT value FROM json_each(?)) AND t.origin_path != ?"
    )
    rows = connection.execute(query, (target.key, json.dumps(ids), RENDERED))
    target.originals.update(identifier for (identifier,) in rows)


def _plan_message(target: _Target, message: PreparedMessage) -> Appended | None:
    if message.too_large:
        return None
    digest = target.digests.get(message.id)
    if digest == message.digest or (message.rendered and message.id in target.originals):
        return Appended.UNCHANGED
    if not message.rendered:
        target.originals.add(message.id)
    target.digests[message.id] = message.digest
    if digest is None:
        target.added[message.id] = message
        return Appended.STORED
    if message.id in target.added:
        target.added[message.id] = message
    else:
        target.edited[message.id] = message
    return Appended.UPDATED


def _write_messages(connection: sqlite3.Connection, targets: list[_Target]) -> None:
    texts, added, edited, outdated = [], [], [], []
    key = _number(connection, "SELECT coalesce(max(key), 0) + 1 FROM texts")
    for target in targets:
        for message in target.added.values():
            texts.append(_text_row(key, message))
            added.append((target.key, message.id, message.digest, message.timestamp, message.message.position, key))
            key += 1
        for message in target.edited.values():
            where = (target.key, message.id)
            query = "SELECT text FROM messages WHERE conversation = ? AND id = ?"
            outdated.append(connection.execute(query, where).fetchone()[0])
            texts.append(_text_row(key, message))
            edited.append((message.digest, message.timestamp, message.message.position, key, *where))
            key += 1
    erase_texts(connection, outdated)
    connection.executemany("INSERT INTO texts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", texts)
    connection.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", added)
    connection.executemany(
        "UPDATE messages SET digest = ?, timestamp = ?, position = ?, text = ? WHERE conversation = ? AND id = ?",
        edited,
    )


def _text_row(key: int, prepared: PreparedMessage) -> tuple[object, ...]:
    message = prepared.message
    origin = message.origin
    inferred = int(message.timestamp_inferred)
    about = (key, inferred, message.role.value, message.model, message.native_id, origin.path, origin.line)
    return (*about, prepared.metadata, message.content)


def _write_conversations(connection: sqlite3.Connection, targets: list[_Target]) -> None:
    descriptions, outdated, rows = [], [], []
    key = _number(connection, "SELECT coalesce(max(key), 0) + 1 FROM descriptions")
    first = advance(connection, len(targets))
    for sequence, target in enumerate(targets, start=first):
        told = target.conversation
        if target.sequence is None or target.retitled:
            if target.description is not None:
                outdated.append(target.description)
            descriptions.append((key, told.space, told.source, told.native_id, target.title))
            target.description = key
            key += 1
        first_at, last_at = _span(connection, target)
        count = target.message_count + len(target.added)
        day = day_of(first_at).isoformat()
        rows.append((target.key, told.id, sequence, day, target.description, count, first_at, last_at))
    erase_descriptions(connection, outdated)
    connection.executemany("INSERT INTO descriptions VALUES (?, ?, ?, ?, ?)", descriptions)
    connection.executemany(
        "INSERT INTO conversations VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
        " sequence = excluded.sequence, day = excluded.day, description = excluded.description,"
        " message_count = excluded.message_count, first_at = excluded.first_at, last_at = excluded.last_at",
        rows,
    )


def _span(connection: sqlite3.Connection, target: _Target) -> tuple[int, int]:
    """First and last moment, after the messages were written; an edit may have moved either."""
    if target.edited:
        return (
            _number(connection, "SELECT min(timestamp) FROM messages WHERE conversation = ?", target.key),
            _number(connection, "SELECT max(timestamp) FROM messages WHERE conversation = ?", target.key),
        )
    moments = [message.timestamp for message in target.added.values()]
    moments += [moment for moment in (target.first_at, target.last_at) if moment is not None]
    return min(moments), max(moments)
