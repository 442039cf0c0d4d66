"""Python's search for cycles, made rare while files are imported."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RARE = (20_000, 20, 100)
"""Python looks after 700 new objects, which is every thirtieth message. What an import makes has no cycles and is
freed at once; looking took up to an eighth of the time (``python -m benchmarks.importing``), and memory stays the
same."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Only in the main thread, since the thresholds are those of the process: two threads would undo each other's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = gc.get_threshold()
    gc.set_threshold(*RARE)
    try:
        yield
    finally:
        gc.set_threshold(*before)
