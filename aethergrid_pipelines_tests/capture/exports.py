"""Exports for the tests of capture: the fixtures as the files that people have, and what an import makes of them."""

import json
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zstandard

from aethergrid_pipelines.capture.account import FileAccount, ImportReport
from aethergrid_pipelines.capture.importer import import_paths
from aethergrid_pipelines.records.conversation import Message
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore

FIXTURES = Path(__file__).parent / "fixtures"


def fixture(name: str) -> Any:
    """The value of a JSON fixture, to be changed at will."""
    return json.loads((FIXTURES / name).read_text())


def write_json(path: Path, value: object) -> Path:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def write_zip(path: Path, members: Mapping[str, object]) -> Path:
    """An archive of JSON files; a member that is bytes is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            archive.writestr(name, value if isinstance(value, bytes) else json.dumps(value))
    return path


def write_compressed(folder: Path, original: Path) -> Path:
    """A copy of a file in Zstandard, as Codex puts its sessions away."""
    path = folder / f"{original.name}.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(original.read_bytes()))
    return path


def write_database(path: Path, rows: Mapping[str, object], *, wal: bool = False, table: str = "cursorDiskKV") -> Path:
    """A database as Cursor keeps it, with further tables and rows that are none of ours. Text after ``RAW:`` is
    stored as it is; that after ``JSON:`` as a JSON text within a JSON text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
    for name in ("ItemTable", table):
        connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)")
    connection.execute("INSERT INTO ItemTable VALUES ('cursorAuth/accessToken', 'never read')")
    if rows:
        put(connection, rows)
    connection.close()
    return path


def put(connection: sqlite3.Connection, rows: Mapping[str, object]) -> None:
    """Insert or replace rows of Cursor's table."""
    connection.executemany("INSERT INTO cursorDiskKV VALUES (?, ?)", [(key, _stored(row)) for key, row in rows.items()])
    connection.commit()


def _stored(row: object) -> object:
    if isinstance(row, str) and row.startswith("RAW:"):
        return row.removeprefix("RAW:").encode()
    if isinstance(row, str):
        return json.dumps(row.removeprefix("JSON:")).encode()
    return None if row is None else json.dumps(row)


class Memory:
    """A conversation store of its own for one test."""

    def __init__(self, store: SqliteConversationStore) -> None:
        self.store = store

    def take(self, *paths: Path) -> ImportReport:
        """Import files; their account adds up."""
        report = import_paths(paths, store=self.store, space="default")
        assert report.adds_up()
        return report

    def account(self, path: Path) -> FileAccount:
        """Import one file."""
        (file,) = self.take(path).files
        return file

    def messages(self) -> dict[tuple[str, str], Message]:
        """All messages by the native ids of their conversation and their own, in the order of each conversation."""
        native = {state.conversation.id: state.conversation.native_id for state in self.store.states()}
        return {(native[found.conversation_id], found.native_id): found for found in self.store.messages(list(native))}

    def titles(self) -> dict[str, str | None]:
        """The titles by the native ids of the conversations."""
        return {state.conversation.native_id: state.conversation.title for state in self.store.states()}


@contextmanager
def opened_memory(folder: Path) -> Iterator[Memory]:
    """A memory in a file below ``folder``."""
    (folder / "memory").mkdir()
    store = SqliteConversationStore(folder / "memory/conversations.db")
    try:
        yield Memory(store)
    finally:
        store.close()
