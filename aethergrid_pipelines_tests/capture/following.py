"""Followers over a real embedded store, for the tests of watching."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.account import FileAccount, Known
from aethergrid_pipelines.capture.archive import Archive
from aethergrid_pipelines.capture.follow import Follower, Read
from aethergrid_pipelines.capture.positions import Positions
from aethergrid_pipelines.capture.protocol import Rejected
from aethergrid_pipelines.capture.tool_folders import FollowedFolder
from aethergrid_pipelines.records.conversation import Conversation, Message
from aethergrid_pipelines.stores.conversations import Appended
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore
from aethergrid_pipelines_tests.capture.rows import user, write_lines

LONG_AGO = 1_760_000_000


class MovableStore(SqliteConversationStore):
    """Answers only while it is up; ``meanwhile`` happens once, while a file is read."""

    up = True
    meanwhile: Callable[[], None] | None = None

    def append(self, batch: Sequence[tuple[Conversation, Sequence[Message]]]) -> list[list[Appended]]:
        if not self.up:
            raise StoreUnavailable("the conversation store does not answer")
        if happens := self.meanwhile:
            self.meanwhile = None
            happens()
        return super().append(batch)


@dataclass
class Accounts:
    """Keeps the account of each file, as a catalog would."""

    files: dict[str, FileAccount] = field(default_factory=dict)
    rejects: list[Rejected] = field(default_factory=list)

    def begin(self, *, space: str, source: str, path: str) -> None:
        self.rejects.clear()

    def reject(self, rejects: Sequence[Rejected], *, space: str, source: str, path: str) -> None:
        self.rejects.extend(rejects)

    def finish(self, files: Sequence[FileAccount], *, space: str) -> None:
        self.files.update({file.path: file for file in files})

    def known(self, fingerprint: str, *, space: str, path: str) -> Known | None:
        raise AssertionError("what is followed has its positions")

    def seal(self, fingerprints: Mapping[tuple[str, str], str], receipt: str, *, space: str) -> None:
        raise AssertionError("what is followed has its positions")


@dataclass
class Following:
    """A folder that is followed, and what came of it."""

    root: Path
    accounts: Accounts = field(default_factory=Accounts)

    def __post_init__(self) -> None:
        self.folder = self.root / "transcripts"
        self.folder.mkdir()
        self.store = MovableStore(self.root / "conversations.db")
        self.archive = Archive(self.root / "archive")
        self.positions = Positions(self.root / "watch.db", space="default")

    def follower(self, *, archived: bool = True) -> Follower:
        """As a process that was just started has it."""
        folders, archive = [FollowedFolder(self.folder)], self.archive if archived else None
        return Follower(folders, self.store, "default", self.positions, self.accounts, archive)

    def scan(self, **options: Any) -> list[tuple[str, str, int]]:
        """What a process that is started now tells: the name of each file, what happened to it, how much was stored."""
        told = list(self.follower(**options).scan())
        return [
            (one.path.name, one.change.value, one.account.stored)
            if isinstance(one, Read)
            else (one.path.name, "gone", 0)
            for one in told
        ]

    def contents(self) -> list[str]:
        """Everything that is stored, sorted."""
        ids = [state.conversation.id for state in self.store.states()]
        return sorted(message.content for message in self.store.messages(ids))

    def close(self) -> None:
        self.positions.close()
        self.store.close()


def said(*contents: str, **envelope: Any) -> list[dict[str, Any]]:
    """A row for each, named by its content."""
    return [user(f"row-{content}", content, **envelope) for content in contents]


def write(path: Path, rows: Sequence[object], *, modified: float = LONG_AGO) -> Path:
    """A transcript that was written at this time, in seconds since 1970."""
    write_lines(path, rows)
    os.utime(path, (modified, modified))
    return path
