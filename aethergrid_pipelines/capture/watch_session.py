"""Everything that following needs on this machine, opened for one process at a time."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from aethergrid_pipelines.capture.archive import Archive, archive_path
from aethergrid_pipelines.capture.follow import Follower
from aethergrid_pipelines.capture.importer import ImportJournal
from aethergrid_pipelines.capture.positions import Positions
from aethergrid_pipelines.capture.redaction import Redaction
from aethergrid_pipelines.capture.tool_folders import FollowedFolder, tool_folders
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.conversations import ConversationStore


class WatcherRunning(Exception):
    """Another process follows already, into the same home."""


def followed_folders(
    settings: Settings, given: Iterable[str | Path] = (), *, tools: bool = True
) -> list[FollowedFolder]:
    """The folders ``given``, those of ``WATCH_FOLDERS``, and (``tools``) those of every known tool.

    Raises ``ValueError`` for a folder that was given and is not there, or that holds the memory itself.
    """
    named = [folder for folder in (settings.watch_folders or "").split(os.pathsep) if folder.strip()]
    found = []
    for folder in [*given, *named]:
        path = Path(folder).expanduser().absolute()
        if not path.is_dir():
            raise ValueError(f"{folder} is not a folder")
        if settings.home_path.is_relative_to(path.resolve()) or path.resolve().is_relative_to(settings.home_path):
            raise ValueError(f"{folder} and AETHERGRID_HOME ({settings.home_path}) lie within each other")
        found.append(FollowedFolder(path))
    # The operating system tells real paths, not the links by which people name them.
    every = [*found, *(tool_folders() if tools else [])]
    return list(dict.fromkeys(replace(folder, path=folder.path.resolve()) for folder in every))


@contextmanager
def following(
    settings: Settings,
    folders: list[FollowedFolder],
    *,
    store: ConversationStore,
    journal: ImportJournal,
    space: str,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Follower]:
    """A follower that stops between two files when ``stopped`` says so; nobody else follows meanwhile.

    Raises :class:`WatcherRunning` and ``OSError``.
    """
    locks = settings.home_path / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / "watch.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise WatcherRunning("another `aethergrid watch` is running here") from None
    positions = Positions(settings.home_path / "watch.db", space=space)
    redaction = Redaction(settings.redact_secrets)
    archive = Archive(archive_path(settings), redaction) if settings.archive_transcripts else None
    try:
        yield Follower(folders, store, space, positions, journal, archive, stopped, redaction)
    finally:
        positions.close()
        lock.release()
