"""A cache in this process, bounded by bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from cachetools import TLRUCache

ENTRY_BYTES = 400
"""What an entry takes beside its value: its key, two objects and their places in the cache's tables."""


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    until: float


class MemoryCache:
    """A :class:`~aethergrid_pipelines.stores.cache.Cache` of at most ``most_bytes``; beyond them it gives up what was
    used least recently. A value that is larger than that is not kept."""

    name = "process"

    def __init__(self, most_bytes: int) -> None:
        self._lock = Lock()
        self._entries: TLRUCache[str, _Entry] = TLRUCache(
            most_bytes, ttu=lambda _key, entry, _now: entry.until, timer=monotonic, getsizeof=_size
        )

    def get(self, key: str) -> bytes | None:
        with self._lock:
            found = self._entries.get(key)
        return None if found is None else found.value

    def put(self, key: str, value: bytes, *, seconds: float) -> None:
        entry = _Entry(value, monotonic() + seconds)
        with self._lock:
            if _size(entry) <= self._entries.maxsize:
                self._entries[key] = entry

    def clear(self, prefix: str = "") -> bool:
        with self._lock:
            if not prefix:
                self._entries.clear()
            for key in [key for key in self._entries if key.startswith(prefix)]:
                del self._entries[key]
        return True

    def figures(self) -> Mapping[str, float]:
        with self._lock:
            return {"entries": len(self._entries), "bytes": self._entries.currsize}

    def close(self) -> None:
        self.clear()


def _size(entry: _Entry) -> int:
    return len(entry.value) + ENTRY_BYTES
