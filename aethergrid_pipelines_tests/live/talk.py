"""People who talk, correct themselves and want to be forgotten: the same changes for the same seed."""

import random
import threading
import time
from collections.abc import Callable, Iterator

from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines_tests.flow.contents import put

Change = Callable[[Stores], object]
"""Made twice, it changes nothing the second time."""

TALKS = 12
WORDS = (
    "index",
    "vector",
    "topic",
    "search",
    "memory",
    "query",
    "batch",
    "token",
    "cursor",
    "lease",
    "shard",
    "replica",
)


def changes(seed: int) -> Iterator[Change]:
    """Changes without end: most go on with one of a dozen talks, others begin, edit, move to another day, or forget."""
    rng = random.Random(seed)
    talks: dict[str, tuple[list[str], int]] = {}
    begun = 0
    while True:
        kind = rng.random()
        if len(talks) < TALKS or kind < 0.1:
            name, texts, day = f"talk-{begun}", [_text(rng)], rng.randrange(4)
            begun += 1
        else:
            name = rng.choice(sorted(talks)[-2 * TALKS :])
            texts, day = talks[name]
            texts = list(texts)
            if kind < 0.2:
                texts[rng.randrange(len(texts))] = _text(rng)
            elif kind < 0.25:
                day = min(day, rng.randrange(4))
            elif kind < 0.3:
                del talks[name]
                yield _forgotten(name, texts, day)
                continue
            else:
                texts.append(_text(rng))
        talks[name] = texts, day
        yield _said(name, texts, day)


class Talking(threading.Thread):
    """Makes ``rate`` changes a second until it is stopped; one that the store refuses is made again until it is in."""

    def __init__(self, stores: Stores, seed: int, rate: float) -> None:
        super().__init__(name="talking", daemon=True)
        self.made: list[Change] = []
        self._stores = stores
        self._changes = changes(seed)
        self._pause = 1 / rate
        self._over = threading.Event()

    def run(self) -> None:
        for change in self._changes:
            self._make(change)
            self.made.append(change)
            if self._over.wait(self._pause):
                return

    def stop(self) -> None:
        """Finish the change that is being made."""
        self._over.set()
        self.join()

    def _make(self, change: Change) -> None:
        while True:
            try:
                change(self._stores)
            except StoreUnavailable:
                time.sleep(0.2)
            else:
                return


def _said(name: str, texts: list[str], day: int) -> Change:
    told = list(texts)
    return lambda stores: put(stores, name, told, days=day)


def _forgotten(name: str, texts: list[str], day: int) -> Change:
    told = list(texts)
    return lambda stores: stores.conversations.forget(put(stores, name, told, days=day))


def _text(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(4, 30))) + f", said {rng.randrange(10**9)}."
