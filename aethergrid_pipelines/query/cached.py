"""Answers that are kept until something changes, and vectors of questions that are kept for good."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b, sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.embedders.protocol import Embedded, Embedder, Tokenizer
from aethergrid_pipelines.query.levels import MADE, LevelFigures, Levels
from aethergrid_pipelines.query.records import SearchRequest, SearchResponse
from aethergrid_pipelines.query.search import Search
from aethergrid_pipelines.stores.cache import ANSWERS, EMBEDDINGS, Cache

EMBEDDING_SECONDS = 7 * 86_400.0
"""A question's vector never changes; what nobody asked for so long makes room."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A :class:`SearchResponse` as JSON, and which level of the cache it came from (``none``: it was searched for,
    ``joined``: by another who asked the same at that moment)."""

    body: bytes
    level: str


class CachedSearch:
    """Thread-safe. ``search`` and ``levels`` stay the caller's.

    ``version`` gives the version of the index as :mod:`aethergrid_pipelines.flow.index_version` describes it, or
    ``None`` where it cannot be known; then nothing is looked up and nothing kept. ``near``, the first of the levels, is
    cleared when another version is seen: what was kept under the one before will never be asked for.
    """

    def __init__(
        self,
        search: Search,
        levels: Levels,
        *,
        near: Cache,
        version: Callable[[], str | None],
        space: str,
        embedder: str,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._search = search
        self._levels = levels
        self._near = near
        self._version = version
        self._seen: str | None = None
        self._space = space
        self._embedder = embedder
        self._clock = clock

    def answer(self, request: SearchRequest) -> Answer:
        """The answer to a request; raises what :meth:`Search.search` raises."""
        # Before the search: an answer that was searched for while something changed is kept under the old version.
        version = self._version()
        if version is None:
            return Answer(self._made(request), MADE)
        if version != self._seen:
            self._seen = version
            self._near.clear()
        return Answer(*self._levels.get(self._key(request, version), lambda: self._made(request)))

    def figures(self) -> list[LevelFigures]:
        """By level, the nearest first."""
        return self._levels.figures()

    def close(self) -> None:
        """Forget the answers of this process; idempotent."""
        self._near.clear()

    def _made(self, request: SearchRequest) -> bytes:
        return self._search.search(request).model_dump_json(by_alias=True).encode()

    def _key(self, request: SearchRequest, version: str) -> str:
        # The day: «last week» means another one tomorrow.
        day = self._clock().astimezone(dt.UTC).date().isoformat()
        space = request.filters.space or self._space
        asked = "\x00".join((ranking_version(), self._embedder, space, day, request.model_dump_json()))
        return f"{ANSWERS}{version}:{blake2b(asked.encode(), digest_size=20).hexdigest()}"


class CachedEmbedder:
    """An :class:`~aethergrid_pipelines.embedders.protocol.Embedder` that embeds no question twice. ``embedder`` and
    ``levels`` stay the caller's."""

    def __init__(self, embedder: Embedder, levels: Levels) -> None:
        self.name = embedder.name
        self.window = embedder.window
        self._embedder = embedder
        self._levels = levels

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def tokenizer(self) -> Tokenizer:
        return self._embedder.tokenizer

    def embed(self, texts: Sequence[str]) -> Embedded:
        return self._embedder.embed(texts)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        key = f"{EMBEDDINGS}{self.name}:{digest}"
        kept, _ = self._levels.get(key, lambda: self._embedder.embed_query(text).astype("<f4").tobytes())
        return np.frombuffer(kept, "<f4")

    def figures(self) -> list[LevelFigures]:
        """By level, the nearest first."""
        return self._levels.figures()

    def close(self) -> None:
        """Nothing is held here."""


def response_of(answer: Answer) -> SearchResponse:
    """The answer as a record."""
    return SearchResponse.model_validate_json(answer.body)


@lru_cache(maxsize=1)
def ranking_version() -> str:
    """A digest of all code and data that an answer depends on, so that no release answers from the cache of another."""
    package = Path(__file__).parents[1]
    digest = blake2b(digest_size=10)
    for room in ("query", "transform", "records"):
        for file in sorted((package / room).iterdir()):
            if file.is_file():
                digest.update(file.name.encode() + b"\x00" + file.read_bytes())
    return digest.hexdigest()
