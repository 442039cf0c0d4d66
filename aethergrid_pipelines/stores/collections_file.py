"""Which collections an embedded vector store holds and which one is active: ``collections.json`` beside the tables.

It is replaced atomically and read again whenever it was replaced, so every process sees a switch at its next call.
"""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock
from pydantic import BaseModel, Field

from aethergrid_pipelines.stores.vectors import ALIAS, CollectionMissing, DimensionMismatch

LOCK_SECONDS = 30.0

Result = TypeVar("Result")


class CollectionEntry(BaseModel):
    """One collection. ``table`` is new each time it is created, so that no reader takes one for its predecessor."""

    embedder: str
    dimension: int
    table: str


class Collections(BaseModel):
    """The content of the file."""

    active: str | None = None
    collections: dict[str, CollectionEntry] = Field(default_factory=dict)


class CollectionsFile:
    """Thread-safe and process-safe. Raises ``OSError`` where the folder cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "collections.json"
        self._read: tuple[tuple[int, int, int], Collections] | None = None

    def read(self) -> Collections:
        """The present content; empty before the first collection."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return Collections()
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._read
        if known is None or known[0] != stamp:
            known = (stamp, Collections.model_validate_json(self._path.read_bytes()))
            self._read = known
        return known[1]

    def resolve(self, collection: str) -> CollectionEntry:
        """The entry of a collection, or of the active one for the alias; raises :class:`CollectionMissing`."""
        content = self.read()
        name = content.active if collection == ALIAS else collection
        entry = content.collections.get(name) if name is not None else None
        if entry is None:
            raise CollectionMissing(f"no collection {collection} in {self._folder}")
        return entry

    def add(self, collection: str, *, embedder: str, dimension: int) -> CollectionEntry:
        """The entry of a collection, new where it is missing; raises :class:`DimensionMismatch` where it differs."""

        def change(content: Collections) -> CollectionEntry:
            entry = content.collections.get(collection)
            if entry is None:
                table = f"{collection}_{uuid.uuid4().hex[:8]}"
                entry = CollectionEntry(embedder=embedder, dimension=dimension, table=table)
                content.collections[collection] = entry
            return entry

        # Asked before each batch: a file that is written again would have to be read again by everybody.
        entry = self.read().collections.get(collection) or self._change(change)
        if (entry.embedder, entry.dimension) != (embedder, dimension):
            raise DimensionMismatch(
                f"collection {collection} holds {entry.dimension} dimensions of {entry.embedder}, "
                f"not {dimension} of {embedder}"
            )
        return entry

    def activate(self, collection: str) -> None:
        """Make a collection the active one; raises :class:`CollectionMissing`."""

        def change(content: Collections) -> None:
            if collection not in content.collections:
                raise CollectionMissing(f"no collection {collection} in {self._folder}")
            content.active = collection

        self._change(change)

    def remove(self, collection: str) -> None:
        """Take out a collection; raises ``ValueError`` where it is the active one."""

        def change(content: Collections) -> None:
            if content.active == collection:
                raise ValueError(f"{collection} is the active collection; activate another one first")
            content.collections.pop(collection, None)

        self._change(change)

    def _change(self, change: Callable[[Collections], Result]) -> Result:
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock"), timeout=LOCK_SECONDS, poll_interval=0.005):
            content = self.read().model_copy(deep=True)
            result = change(content)
            draft = self._path.with_suffix(".draft")
            draft.write_text(content.model_dump_json(indent=2), encoding="utf-8")
            draft.replace(self._path)
        return result
