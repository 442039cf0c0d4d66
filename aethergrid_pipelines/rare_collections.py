"""Python's search for cycles, made rare while files are imported and steps are materialised."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

RARE = (20_000, 20, 100)
"""Python looks after 700 new objects, which is every thirtieth message of an import. What an import or a step makes has
no cycles and is freed at once; looking took up to an eighth of an import's time (``python -m benchmarks.importing``)
and, of 20,000 messages with a stub for the embedder, a twentieth of the flow's own; memory stays the same
(``python -m benchmarks.memory``)."""


class _Within:
    """Who is within. The thresholds are those of the process: the first one in changes them, the last one out puts
    them back, whatever their threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0
        self._before = gc.get_threshold()

    def enter(self) -> None:
        with self._lock:
            if not self._count:
                self._before = gc.get_threshold()
                gc.set_threshold(*RARE)
            self._count += 1

    def leave(self) -> None:
        with self._lock:
            self._count -= 1
            if not self._count:
                gc.set_threshold(*self._before)


_within = _Within()


@contextmanager
def rare_collections() -> Iterator[None]:
    """In all threads of this process."""
    _within.enter()
    try:
        yield
    finally:
        _within.leave()
