"""Cutting streams into pieces of bounded size."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from aethergrid_pipelines.flow.scope import Stale

T = TypeVar("T")

SQL_VARIABLES = 500
"""How many values one ``IN (…)`` takes: SQLite's oldest limit is 999."""


def pages(items: Iterable[T], size: int = SQL_VARIABLES) -> Iterator[list[T]]:
    """Lists of at most ``size`` items."""
    iterator = iter(items)
    while page := list(islice(iterator, size)):
        yield page


def by_rows(stale: Iterable[Stale], rows: int) -> Iterator[list[Stale]]:
    """Batches of conversations with at most ``rows`` input rows together, and never fewer than one conversation.

    A batch also ends after ``SQL_VARIABLES`` conversations.
    """
    return tapered(stale, rows, least=rows, workers=1)


def tapered(stale: Iterable[Stale], rows: int, *, least: int, workers: int) -> Iterator[list[Stale]]:
    """The same for ``workers`` that go on at once: the first batches are smaller, from ``least`` rows on, and the last
    ones are, too, so that nobody waits long for the first or for the last (guided self-scheduling: Polychronopoulos and
    Kuck, IEEE Transactions on Computers, 1987)."""
    iterator = iter(stale)
    held: deque[Stale] = deque()
    known = size = 0
    while True:
        # As far as it takes to see that the end is near.
        while known < 2 * workers * rows and (item := next(iterator, None)):
            held.append(item)
            known += _weight(item)
        if not held:
            return
        size = max(min(least, rows), min(rows, 2 * size, known // (2 * workers)))
        batch: list[Stale] = []
        room = size
        while held and (not batch or (_weight(held[0]) <= room and len(batch) < SQL_VARIABLES)):
            batch.append(held.popleft())
            room -= _weight(batch[-1])
        known -= size - room
        yield batch


def _weight(item: Stale) -> int:
    # One without rows is read, compared and recorded all the same.
    return max(1, item.rows)
