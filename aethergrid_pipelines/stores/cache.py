"""Where answers are kept for a while: in this process, or in Redis for all of them."""

from collections.abc import Mapping
from typing import Protocol

ANSWERS, EMBEDDINGS = "answer:", "embedding:"
"""What keys begin with: answers hold text of conversations, the vectors of questions none."""


class Cache(Protocol):
    """Thread-safe. A cache may lose anything at any time, and never fails: what it cannot read is not there, what it
    cannot keep is not kept."""

    name: str
    """What this level is called in figures."""

    def get(self, key: str) -> bytes | None:
        """What was last put there and is not older than it may be."""
        ...

    def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Keep a value for so long at most."""
        ...

    def clear(self, prefix: str = "") -> bool:
        """Remove every entry whose key begins with this; whether that could be done."""
        ...

    def figures(self) -> Mapping[str, float]:
        """What is particular to this cache: its size, or how often it failed."""
        ...

    def close(self) -> None: ...
