"""What several batches of one process do about embedding at the same time.

Only one of them embeds: two would share the cores, end together, and leave these idle together. And what one has
embedded and not written yet the others take from here, so that no text is embedded twice.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock


class InFlight:
    """Vectors, by the hash of their text, between their embedding and the end of the transaction that writes them."""

    def __init__(self) -> None:
        self.turn = Lock()
        """Held from the look at what is missing until it is embedded and known here."""
        self._vectors: dict[str, bytes] = {}

    def among(self, sha256s: Collection[str]) -> dict[str, bytes]:
        """Those of these texts that another batch is about to write."""
        return {sha256: found for sha256 in sha256s if (found := self._vectors.get(sha256)) is not None}

    def add(self, vectors: Mapping[str, bytes]) -> None:
        """Let others know; by the holder of the turn."""
        self._vectors.update(vectors)

    @contextmanager
    def written(self, vectors: Mapping[str, bytes]) -> Iterator[None]:
        """Around the transaction: afterwards the catalog knows them, or somebody has to embed them again."""
        try:
            yield
        finally:
            for sha256 in vectors:
                self._vectors.pop(sha256, None)
