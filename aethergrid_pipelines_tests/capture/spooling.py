"""A spool over a store that can be switched off, and a process that spools until it is killed.

    python -m aethergrid_pipelines_tests.capture.spooling FOLDER NAME STORE [MAXIMUM_FILE_BYTES]

says ``N`` on stdout, on a line of its own, as soon as message N of conversation NAME is acknowledged, and ``full`` for
one that is not. STORE is the SQLite file to store into, or ``down``.
"""

import itertools
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.capture.spool_writer import SpoolUnavailable
from aethergrid_pipelines.records.conversation import Conversation, Message
from aethergrid_pipelines.stores.conversations import ConversationStore
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore
from aethergrid_pipelines_tests.contract.conversations import conversation, message


class Gate:
    """A real store that does not answer while ``down``."""

    def __init__(self, path: Path, *, down: bool = False) -> None:
        self.path = path
        self.store = SqliteConversationStore(path)
        self.down = down

    def __call__(self) -> ConversationStore:
        if self.down:
            raise StoreUnavailable(f"SQLite at {self.path}: switched off")
        return self.store


def said(name: str, number: int, content: str | None = None) -> tuple[Conversation, Message]:
    """Message ``number`` of a conversation; its position gives the order."""
    owner = conversation(name)
    return owner, message(owner, str(number), content or f"{name} {number}", position=number)


def wait_until(holds: Callable[[], bool], seconds: float = 30.0, pause: float = 0.01) -> None:
    """Return as soon as it holds, which is asked every ``pause`` seconds; fail when it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(pause)


def start(folder: Path, name: str, store: str, *limits: int) -> "subprocess.Popen[bytes]":
    """A process that spools; the caller kills it."""
    arguments = [str(folder), name, store, *map(str, limits)]
    return subprocess.Popen([sys.executable, "-m", __name__, *arguments], stdout=subprocess.PIPE)


def main(folder: str, name: str, store: str, limit: str = "") -> None:
    """Spool until somebody ends it."""
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    gate = Gate(Path(folder) / "unused.db" if store == "down" else Path(store), down=store == "down")
    spool = Spool(Path(folder), gate)
    for number in itertools.count():
        try:
            spool.append([said(name, number)])
        except SpoolUnavailable:
            os.write(1, b"full\n")
        else:
            os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main(*sys.argv[1:])
