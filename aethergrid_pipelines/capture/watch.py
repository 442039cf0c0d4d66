"""``aethergrid watch``: the history first, then every change as it happens, until somebody asks to stop."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.file_identity import database_of
from aethergrid_pipelines.capture.follow import Follower, Gone, Interrupted, Read
from aethergrid_pipelines.stores.errors import StoreUnavailable

RESCAN_SECONDS = 60.0
"""How often every file is looked at, whatever the operating system told: folders that were made since, network disks
that tell nothing, events that were lost."""

POLL_SECONDS = 5.0
"""The same, where the operating system tells nothing at all."""

REST = 10
"""A file is left alone for so many times as long as reading it took: a busy one costs a tenth of a core at most."""

PAUSE_SECONDS = 0.2
MAX_RETRY_SECONDS = 60.0
_TIMEOUT_MS = 200
_DEBOUNCE_MS = 500


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told beside files: ``event`` is ``following``, ``caught-up``, ``waiting`` or ``problem``."""

    event: str
    about: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``."""
        return {"event": self.event, **self.about}


Told = Read | Gone | Notice


class Watch:
    """Follows until ``stop`` is set. ``tell`` is called for every file that was read, and for what else happens."""

    def __init__(self, follower: Follower, tell: Callable[[Told], None], stop: threading.Event) -> None:
        self._follower = follower
        self._tell = tell
        self._stop = stop
        self._pending: dict[Path, float] = {}
        self._rest: dict[Path, float] = {}
        self._rescan_at = 0.0
        self._retry_at = 0.0
        self._retry = 1.0
        self._caught_up = False
        self._problems: dict[Path, str] = {}

    def run(self) -> None:
        """Returns when ``stop`` is set or SIGINT came. A store that is down is waited for, and a file that cannot be
        read is told of; raises ``sqlite3.Error`` where positions cannot be written."""
        while not self._stop.is_set():
            there = self._there()
            self._tell(Notice("following", {"folders": [str(folder) for folder in there]}))
            for changed in self._changes(there):
                looked = self._look_at_all()
                self._note(changed)
                if not self._work() or (looked and self._there() != there):
                    break

    def _there(self) -> list[Path]:
        """The folders that exist, without those within others."""
        folders = sorted({folder.path for folder in self._follower.folders if folder.path.is_dir()})
        return [one for one in folders if not any(one != other and one.is_relative_to(other) for other in folders)]

    def _changes(self, folders: list[Path]) -> Iterator[set[Path]]:
        """What the operating system says has changed; an empty set every now and then."""
        from watchfiles import watch

        if folders:
            try:
                for changes in watch(
                    *folders,
                    watch_filter=None,
                    debounce=_DEBOUNCE_MS,
                    stop_event=self._stop,
                    rust_timeout=_TIMEOUT_MS,
                    yield_on_timeout=True,
                    raise_interrupt=False,
                    ignore_permission_denied=True,
                ):
                    yield {Path(path) for _, path in changes}
            except (OSError, RuntimeError) as error:
                # Too many folders for inotify, a disk that cannot tell; the library's own error is a RuntimeError.
                self._tell(Notice("problem", {"reason": f"looking every {POLL_SECONDS:.0f} s instead: {error}"}))
            else:
                return
        while not self._stop.wait(PAUSE_SECONDS):
            self._rescan_at = min(self._rescan_at, time.monotonic() + POLL_SECONDS)
            yield set()

    def _look_at_all(self) -> bool:
        """Note every file, when it is time to. The first time comes after the operating system was asked to tell, so
        that nothing falls in between."""
        now = time.monotonic()
        if now < self._rescan_at:
            return False
        self._rescan_at = now + RESCAN_SECONDS
        self._rest = {path: at for path, at in self._rest.items() if at > now}
        self._note(self._follower.candidates())
        if self._follower.archive is not None:
            self._follower.archive.compress_old()
        return True

    def _note(self, changed: Iterable[Path]) -> None:
        """Remember to look at these. What happens in a folder that is new is not told: then at all of them."""
        folders = False
        for path in changed:
            followed = database_of(path)
            if self._follower.holds(followed):
                self._pending.setdefault(followed, self._rest.get(followed, 0.0))
            else:
                folders = folders or path.is_dir()
        if folders:
            self._note(self._follower.candidates())

    def _work(self) -> bool:
        """Read what is due; false when it is time to stop."""
        now = time.monotonic()
        if now < self._retry_at:
            return True
        for path in [path for path, at in self._pending.items() if at <= now]:
            if self._stop.is_set():
                return False
            try:
                found = self._follower.look(path)
            except Interrupted:
                self._stop.set()
                return False
            except StoreUnavailable as error:
                self._tell(Notice("waiting", {"reason": str(error), "seconds": self._retry}))
                self._retry_at, self._retry = now + self._retry, min(self._retry * 2, MAX_RETRY_SECONDS)
                return True
            self._retry = 1.0
            del self._pending[path]
            self._done(path, found)
        if not self._pending and not self._caught_up:
            self._caught_up = True
            self._tell(Notice("caught-up", {}))
        return True

    def _done(self, path: Path, found: Read | Gone | None) -> None:
        if found is None:
            return
        if isinstance(found, Gone):
            self._tell(found)
            return
        earliest = time.monotonic() + max(PAUSE_SECONDS, REST * found.seconds)
        self._rest[path] = earliest
        if not found.settled and not found.error:
            self._pending[path] = earliest
        # What is wrong with a file is told once, and not at every look.
        if not found.error or self._problems.get(path) != found.error:
            self._tell(found)
        if found.error:
            self._problems[path] = found.error
        else:
            self._problems.pop(path, None)
