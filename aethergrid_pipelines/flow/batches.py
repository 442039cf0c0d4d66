"""Cutting streams into pieces of bounded size."""

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
    batch: list[Stale] = []
    total = 0
    for item in stale:
        if batch and (total + item.rows > rows or len(batch) == SQL_VARIABLES):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += item.rows
    if batch:
        yield batch
