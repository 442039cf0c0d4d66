"""The labels that chunks were given a while ago: a conversation that goes on is built again with each of its
messages, and only what was said last is new."""

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from aethergrid_pipelines.records.flow import Chunk, Labels

KEPT_LABELS = 4_096
"""Chunks of which the labels are kept; a megabyte or two."""


class Labelling(Protocol):
    """An :class:`~aethergrid_pipelines.transform.enrich.Enricher`."""

    def enrich(self, chunks: "Sequence[Chunk]", vectors: "NDArray[np.float32]") -> "list[Labels]":
        """One set of labels for each chunk."""
        ...


class KnownLabels:
    """Labels of chunks by one embedder. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[tuple[str, int], Labels] = {}

    def of(self, chunks: "Sequence[Chunk]", vectors: "NDArray[np.float32]", enricher: Labelling) -> "list[Labels]":
        """One set of labels for each chunk; ``vectors`` are the chunks', of length 1, shape (chunks, dimension)."""
        # The hash is that of what is embedded, which ends with the text: with its length it says what both are.
        keys = [(chunk.sha256, len(chunk.text)) for chunk in chunks]
        with self._lock:
            found = [self._known.get(key) for key in keys]
        missing = [at for at, labels in enumerate(found) if labels is None]
        # All at once: the product of a few rows with the labels' vectors takes nearly as long as that of hundreds.
        new = iter(enricher.enrich([chunks[at] for at in missing], vectors[missing]))
        every = [next(new) if labels is None else labels for labels in found]
        with self._lock:
            for key, labels in zip(keys, every, strict=True):
                # Taken out first, so that what was asked for last goes last.
                self._known.pop(key, None)
                self._known[key] = labels
            while len(self._known) > KEPT_LABELS:
                del self._known[next(iter(self._known))]
        return every
