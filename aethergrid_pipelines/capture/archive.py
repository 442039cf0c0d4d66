"""Copies of followed transcripts, kept when the tool that wrote them deletes them: ``AETHERGRID_HOME/archive``.

A copy is a hard link where the disk allows it: it costs nothing and grows with the transcript. One of a transcript that
holds secrets is written without them (docs/capture/secrets.md). ``index.db`` in the same folder says which
conversations each copy holds, so that forgetting one finds every copy of it. It is written before the copy is made:
whatever is there can be found.
"""

import contextlib
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from filelock import FileLock

from aethergrid_pipelines.capture.redacted_copy import TooLargeToRedact, holds_secrets, write_redacted
from aethergrid_pipelines.capture.redaction import REDACTING, Redaction
from aethergrid_pipelines.settings import Settings

logger = logging.getLogger(__name__)

OLD_SECONDS = 7 * 24 * 3600
"""How long nothing was written before a copy whose transcript is gone is compressed."""

_ENDINGS = (".jsonl", ".jsonl.zst", ".ndjson", ".json")
_TABLES = """
CREATE TABLE IF NOT EXISTS copies (name TEXT PRIMARY KEY, path TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS held (
    conversation TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (conversation, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS redacted (name TEXT PRIMARY KEY, size INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS copies_by_path ON copies (path);
CREATE INDEX IF NOT EXISTS held_by_name ON held (name);
"""


def archive_path(settings: Settings) -> Path:
    """Where the copies are; not created here."""
    return settings.home_path / "archive"


class Archive:
    """Safe for several processes: everything but reading the index happens under :meth:`locked`."""

    def __init__(self, folder: Path, redaction: Redaction = REDACTING) -> None:
        self.folder = folder
        self._redacts = redaction.redacts

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold this while a transcript is read into the store and copied: a conversation that is forgotten meanwhile
        is then either seen as forgotten, or its copy is there for ``erase`` to find. Raises ``OSError``."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self.folder / "archive.lock", poll_interval=0.01):
            yield

    def keep(self, path: Path, source: str, conversations: Collection[str]) -> bool:
        """Copy a transcript that holds these conversations, in place of an earlier copy of it; an earlier copy that is
        longer stays, under another name. Whether there is a copy now: other files than text are not copied, and no
        document of more than 64 MiB that holds secrets.

        The caller holds the lock. Raises ``OSError``.
        """
        if not path.name.rstrip("0123456789").rstrip(".").endswith(_ENDINGS):
            return False
        name = Path(source, *(part.replace(":", "") for part in path.parts if part != os.sep)).as_posix()
        target = self.folder / name
        with self._index() as index:
            _note(index, name, path, conversations)
        size, secrets = path.stat().st_size, self._redacts and holds_secrets(path)
        if target.exists():
            if target.samefile(path) and not secrets:
                return True
            if self._copied(name) > size:
                self._set_aside(name)
                with self._index() as index:
                    _note(index, name, path, conversations)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(target.name + ".part")
        draft.unlink(missing_ok=True)
        if secrets:
            return self._keep_redacted(path, size, name)
        _link_or_copy(path, draft)
        draft.replace(target)
        with self._index() as index:
            index.execute("DELETE FROM redacted WHERE name = ?", (name,))
        return True

    def seal(self, path: Path) -> None:
        """A transcript is gone: take out of its copies what was written to it after it was last read. Raises
        ``OSError``."""
        if not self._there() or not self._redacts:
            return
        with self.locked(), self._index() as index:
            for (name,) in index.execute("SELECT name FROM copies WHERE path = ?", (str(path),)).fetchall():
                self._redact(name)

    def _redact(self, name: str) -> None:
        copy = self.folder / name
        if copy.exists() and holds_secrets(copy) and not self._keep_redacted(copy, copy.stat().st_size, name):
            copy.unlink()

    def _keep_redacted(self, path: Path, size: int, name: str) -> bool:
        target = self.folder / name
        draft = target.with_name(target.name + ".part")
        try:
            write_redacted(path, draft)
        except TooLargeToRedact as error:
            logger.warning("not archived, because it holds secrets: %s", error)
            return False
        with self._index() as index:
            index.execute("INSERT OR REPLACE INTO redacted VALUES (?, ?)", (name, size))
        draft.replace(target)
        return True

    def _copied(self, name: str) -> int:
        """How long the transcript was when it was copied."""
        with self._index() as index:
            row = index.execute("SELECT size FROM redacted WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else (self.folder / name).stat().st_size

    def erase(self, conversation_id: str) -> int:
        """Delete every copy that holds a conversation, whole: what else it holds is in the conversation store. Returns
        how many. Raises ``OSError``."""
        if not self._there():
            return 0
        with self.locked(), self._index() as index:
            names = [
                row[0] for row in index.execute("SELECT name FROM held WHERE conversation = ?", (conversation_id,))
            ]
            return sum(self._delete(index, name) for name in names)

    def drop(self, path: Path) -> None:
        """Delete the copies of one transcript: it holds what was forgotten. The caller holds the lock."""
        if self._there():
            with self._index() as index:
                for (name,) in index.execute("SELECT name FROM copies WHERE path = ?", (str(path),)).fetchall():
                    self._delete(index, name)

    def holding(self, conversation_id: str) -> int:
        """How many copies hold a conversation."""
        if not self._there():
            return 0
        with self._index() as index:
            query = "SELECT count(*) FROM held WHERE conversation = ?"
            return int(index.execute(query, (conversation_id,)).fetchone()[0])

    def copies(self, conversation_id: str) -> list[Path]:
        """The copies that hold a conversation, the latest written first; each may hold others, too."""
        if not self._there():
            return []
        with self._index() as index:
            query = "SELECT name FROM held WHERE conversation = ?"
            names = [row[0] for row in index.execute(query, (conversation_id,))]
        found = [(path.stat().st_mtime, path) for name in names if (path := self.folder / name).exists()]
        return [path for _, path in sorted(found, reverse=True)]

    def holds(self, path: Path) -> bool:
        """Whether there is a copy of this transcript."""
        if not self._there():
            return False
        with self._index() as index:
            names = index.execute("SELECT name FROM copies WHERE path = ?", (str(path),)).fetchall()
        return any((self.folder / name).exists() for (name,) in names)

    def compress_old(self) -> int:
        """Compress, with Zstandard, the copies of transcripts that are gone. Returns how many. Raises ``OSError``."""
        if not self._there():
            return 0
        with self.locked(), self._index() as index:
            found = index.execute("SELECT name, path FROM copies WHERE name NOT LIKE '%.zst'").fetchall()
            old = [name for name, path in found if not Path(path).exists() and _is_old(self.folder / name)]
            for name in old:
                if self._redacts:
                    self._redact(name)
                if (self.folder / name).exists():
                    self._compress(index, name)
            return len(old)

    def _compress(self, index: sqlite3.Connection, name: str) -> None:
        import zstandard

        plain, packed = self.folder / name, self._free(name, ".zst")
        draft = packed.with_name(packed.name + ".part")
        with plain.open("rb") as source, draft.open("wb") as target:
            zstandard.ZstdCompressor().copy_stream(source, target)
            target.flush()
            os.fsync(target.fileno())
        shutil.copystat(plain, draft)
        _rename(index, name, packed.relative_to(self.folder).as_posix())
        draft.replace(packed)
        plain.unlink()
        _remove(index, name)

    def _set_aside(self, name: str) -> None:
        aside = self._free(name, "")
        with self._index() as index:
            _rename(index, name, aside.relative_to(self.folder).as_posix())
        (self.folder / name).replace(aside)

    def _free(self, name: str, ending: str) -> Path:
        """A name that is not taken: ``name.zst`` (``name.1`` for an earlier copy), then ``name.1.zst`` and so on."""
        number = 0 if ending else 1
        while True:
            path = self.folder / (f"{name}.{number}{ending}" if number else name + ending)
            if not path.exists():
                return path
            number += 1

    def _delete(self, index: sqlite3.Connection, name: str) -> bool:
        path = self.folder / name
        there = path.exists()
        path.unlink(missing_ok=True)
        path.with_name(path.name + ".part").unlink(missing_ok=True)
        path.with_name(path.name + ".zst.part").unlink(missing_ok=True)
        _remove(index, name)
        return there

    def _there(self) -> bool:
        return (self.folder / "index.db").exists()

    @contextlib.contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.folder / "index.db", timeout=60, isolation_level=None)) as index:
            index.execute("PRAGMA secure_delete=ON")
            index.executescript(_TABLES)
            yield index


def _note(index: sqlite3.Connection, name: str, path: Path, conversations: Collection[str]) -> None:
    known = {row[0] for row in index.execute("SELECT conversation FROM held WHERE name = ?", (name,))}
    if conversations and known.issuperset(conversations):
        # Most transcripts only grow: nothing to write, nothing to wait for.
        return
    index.execute("BEGIN IMMEDIATE")
    index.execute("INSERT OR REPLACE INTO copies VALUES (?, ?)", (name, str(path)))
    rows = [(conversation, name) for conversation in conversations]
    index.executemany("INSERT OR IGNORE INTO held VALUES (?, ?)", rows)
    index.execute("COMMIT")


def _rename(index: sqlite3.Connection, name: str, to: str) -> None:
    """Say of ``to`` what is said of ``name``, which stays until the file has moved."""
    index.execute("BEGIN IMMEDIATE")
    index.execute("INSERT OR REPLACE INTO copies SELECT ?, path FROM copies WHERE name = ?", (to, name))
    index.execute("INSERT OR IGNORE INTO held SELECT conversation, ? FROM held WHERE name = ?", (to, name))
    index.execute("INSERT OR REPLACE INTO redacted SELECT ?, size FROM redacted WHERE name = ?", (to, name))
    index.execute("COMMIT")


def _remove(index: sqlite3.Connection, name: str) -> None:
    index.execute("BEGIN IMMEDIATE")
    index.execute("DELETE FROM held WHERE name = ?", (name,))
    index.execute("DELETE FROM redacted WHERE name = ?", (name,))
    index.execute("DELETE FROM copies WHERE name = ?", (name,))
    index.execute("COMMIT")


def _link_or_copy(path: Path, target: Path) -> None:
    try:
        target.hardlink_to(path)
    except FileNotFoundError:
        raise
    except OSError:
        # Another disk, or one that has no hard links.
        shutil.copy2(path, target)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > OLD_SECONDS
    except FileNotFoundError:
        return False
