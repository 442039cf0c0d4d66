"""Caches one behind the other, and one who works for all that ask the same at once."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock

from aethergrid_pipelines.stores.cache import Cache

MEASURED = 1_024
"""Of so many last look-ups the latencies are kept."""

MADE, JOINED = "none", "joined"
"""Where a value came from that no level had: it was made now, or by another who had just begun to."""


@dataclass(slots=True)
class Figures:
    """How a level did: look-ups, hits, and the latencies of the last of them in milliseconds."""

    lookups: int = 0
    hits: int = 0
    milliseconds: deque[float] = field(default_factory=lambda: deque(maxlen=MEASURED))

    def percentile(self, share: float) -> float | None:
        """The latency that this share of the last look-ups did not exceed; ``None`` before the first."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """Of one level of a cache. ``store``: what is particular to it, as its size or its failures."""

    cache: str
    level: str
    lookups: int
    hits: int
    p50_ms: float | None
    p99_ms: float | None
    store: Mapping[str, float]

    @property
    def hit_ratio(self) -> float | None:
        """0…1; ``None`` before the first look-up."""
        return self.hits / self.lookups if self.lookups else None


class Levels:
    """Thread-safe. ``levels`` are asked in their order; what a later one has is left in those before it. They stay the
    caller's."""

    def __init__(self, name: str, levels: Sequence[Cache], *, seconds: float) -> None:
        self._name = name
        self._levels = levels
        self._seconds = seconds
        self._figures = [Figures() for _ in levels]
        self._joined = 0
        self._under_way: dict[str, Future[bytes]] = {}
        self._lock = Lock()

    def get(self, key: str, make: Callable[[], bytes]) -> tuple[bytes, str]:
        """The value of ``key`` and the name of the level that had it, or what :data:`MADE` and :data:`JOINED` say.

        Of those who ask for the same key at once one calls ``make`` and all have its value, or raise what it raised.
        """
        if (found := self._look(0, key)) is not None:
            return found, self._levels[0].name
        mine: Future[bytes] = Future()
        with self._lock:
            others = self._under_way.setdefault(key, mine)
            self._joined += others is not mine
        if others is not mine:
            return others.result(), JOINED
        try:
            value, level = self._first(key, make)
        except BaseException as error:
            self._end(key)
            mine.set_exception(error)
            raise
        self._end(key)
        mine.set_result(value)
        return value, level

    def figures(self) -> list[LevelFigures]:
        """By level, the nearest first."""
        with self._lock:
            return [
                LevelFigures(
                    self._name,
                    level.name,
                    of.lookups,
                    of.hits,
                    of.percentile(0.5),
                    of.percentile(0.99),
                    {**level.figures(), "joined": self._joined} if at == 0 else level.figures(),
                )
                for at, (level, of) in enumerate(zip(self._levels, self._figures, strict=True))
            ]

    def _first(self, key: str, make: Callable[[], bytes]) -> tuple[bytes, str]:
        # Whoever made it before may have ended between the look at the first level and here.
        found = self._levels[0].get(key)
        if found is not None:
            return found, self._levels[0].name
        for at in range(1, len(self._levels)):
            found = self._look(at, key)
            if found is not None:
                self._keep(self._levels[:at], key, found)
                return found, self._levels[at].name
        value = make()
        self._keep(self._levels, key, value)
        return value, MADE

    def _look(self, at: int, key: str) -> bytes | None:
        started = time.perf_counter()
        found = self._levels[at].get(key)
        took = (time.perf_counter() - started) * 1_000
        with self._lock:
            figures = self._figures[at]
            figures.lookups += 1
            figures.hits += found is not None
            figures.milliseconds.append(took)
        return found

    def _keep(self, levels: Sequence[Cache], key: str, value: bytes) -> None:
        for level in levels:
            level.put(key, value, seconds=self._seconds)

    def _end(self, key: str) -> None:
        with self._lock:
            del self._under_way[key]
