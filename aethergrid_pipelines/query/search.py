"""Search: a question in, fragments with their lineage out."""

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.embedders.protocol import Embedder, EmbedderUnavailable, UnknownEmbedder
from aethergrid_pipelines.query.answer import clipped, empty_response, response
from aethergrid_pipelines.query.context import Window, windows
from aethergrid_pipelines.query.question import Question, understood
from aethergrid_pipelines.query.ranking import CANDIDATES, Ranked, Recency, collapse, diversified, rank
from aethergrid_pipelines.query.records import Filters, SearchRequest, SearchResponse
from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.records.ids import DEFAULT_SPACE
from aethergrid_pipelines.stores.vectors import (
    Candidates,
    CollectionMissing,
    DimensionMismatch,
    FragmentFilter,
    VectorStore,
)
from aethergrid_pipelines.transform.analyse import query_terms

NO_INDEX = "there is no index yet: import conversations (aethergrid import PATH) and let the assets run"
NO_MATCH = "nothing in the memory passes these filters"
NOT_SIMILAR = "fragments were found, but none is as similar as minSimilarity asks"
THREADS = 16
DIVERSIFIED = 50
"""Beyond those that are asked for, how many of the best a diverse answer is chosen from."""

Timings = dict[str, float]


class Search:
    """Thread-safe. ``vectors`` and ``embedder`` stay the caller's; :meth:`close` releases what this class opened.

    ``reopen`` gives the embedder of a name, for an index that another one than ``embedder`` built; it may raise
    ``UnknownEmbedder`` or ``EmbedderUnavailable``. ``clock`` gives the time of asking, with a zone.
    """

    def __init__(
        self,
        vectors: VectorStore,
        embedder: Embedder,
        *,
        space: str = DEFAULT_SPACE,
        reopen: Callable[[str], Embedder] | None = None,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._vectors = vectors
        self._embedder = embedder
        self._space = space
        self._reopen = reopen
        self._clock = clock
        self._reopened: dict[str, Embedder] = {}
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="search")

    def search(self, request: SearchRequest) -> SearchResponse:
        """The best fragments for a question; an empty index gives an empty answer with a hint.

        Raises ``StoreUnavailable``, ``EmbedderUnavailable``, or ``DimensionMismatch`` where the index was built by an
        embedder that cannot be opened.
        """
        try:
            return self._search(request)
        except CollectionMissing:
            # The collection was swapped for another one between two calls: its successor is active by now.
            return self._search(request)

    def close(self) -> None:
        """Release threads and embedders that were opened here; idempotent."""
        self._threads.shutdown()
        while self._reopened:
            self._reopened.popitem()[1].close()

    def _search(self, request: SearchRequest) -> SearchResponse:
        timings: Timings = {}
        now = self._clock()
        active = self._vectors.active()
        if active is None:
            return empty_response(NO_INDEX)
        collection, name, dimension = active
        with _timed(timings, "total"):
            embedder = self._embedder_of(name, dimension)
            candidates, vector = self._candidates(collection, embedder, request, timings)
            with _timed(timings, "rank"):
                ranked = rank(understood(request.query, now), candidates.found, vector, recency=_recency(request, now))
                similar = [hit for hit in ranked if clipped(hit.candidate.similarity) >= request.min_similarity]
                apart = collapse(similar)
            with _timed(timings, "fragments"):
                hits = self._hits(collection, candidates, apart, request)
            shown: list[Fragment] = []
            if request.return_context and hits:
                with _timed(timings, "context"):
                    shown = self._context(collection, [fragment for _, fragment in hits])
        hint = None if hits else self._hint(collection, candidates)
        return response(
            hits,
            shown if request.return_context else None,
            hint,
            _counts(candidates, len(similar)),
            timings,
            collection=collection,
            embedder=name,
            explain=request.explain,
            highlighted=query_terms(request.query) if request.highlight else None,
        )

    def judged(self, request: SearchRequest) -> tuple[Question, Candidates, NDArray[np.float32]]:
        """What :func:`~aethergrid_pipelines.query.ranking.rank` is given for a request: question, candidates and
        vector; for fitting and comparing weights. Raises ``CollectionMissing`` where there is no index."""
        active = self._vectors.active()
        if active is None:
            raise CollectionMissing(NO_INDEX)
        collection, name, dimension = active
        candidates, vector = self._candidates(collection, self._embedder_of(name, dimension), request, {})
        return understood(request.query, self._clock()), candidates, vector

    def _hits(
        self, collection: str, candidates: Candidates, ranked: Sequence[Ranked], request: SearchRequest
    ) -> list[tuple[Ranked, Fragment]]:
        """Those that are shown, with their fragments; one that was deleted since is not."""
        if not request.diversity:
            chosen = ranked[: request.max_results]
            there = {one.id: one for one in candidates.whole([hit.candidate.id for hit in chosen])}
            return [(hit, there[hit.candidate.id]) for hit in chosen if hit.candidate.id in there]
        ids = [hit.candidate.id for hit in ranked[: DIVERSIFIED + request.max_results]]
        there = {one.id: one for one in self._vectors.fetch(collection, ids, with_vectors=True)}
        best = [hit for hit in ranked if hit.candidate.id in there]
        if not best:
            return []
        matrix = np.array([there[hit.candidate.id].vector for hit in best], np.float32)
        chosen = diversified(best, matrix, request.diversity, request.max_results)
        return [(hit, there[hit.candidate.id]) for hit in chosen]

    def _candidates(
        self, collection: str, embedder: Embedder, request: SearchRequest, timings: Timings
    ) -> tuple[Candidates, NDArray[np.float32]]:
        with _timed(timings, "embed"):
            vector = embedder.embed_query(request.query)
        with _timed(timings, "candidates"):
            candidates = self._vectors.candidates(
                collection,
                vector,
                query_terms(request.query),
                where=fragment_filter(request.filters, self._space),
                limit=CANDIDATES,
            )
        return candidates, vector

    def _context(self, collection: str, hits: Sequence[Fragment]) -> list[Fragment]:
        def read(window: Window) -> list[Fragment]:
            return self._vectors.neighbours(collection, window.conversation_id, window.first, window.last)

        found = self._threads.map(read, windows(hits))
        return [fragment for part in found for fragment in part]

    def _embedder_of(self, name: str, dimension: int) -> Embedder:
        """The embedder that built the index: the configured one, or its predecessor while the index is rebuilt."""
        if self._embedder.name == name:
            return self._embedder
        with self._lock:
            known = self._reopened.get(name)
            if known is None:
                known = self._open(name, dimension)
                self._reopened[name] = known
        return known

    def _open(self, name: str, dimension: int) -> Embedder:
        reason = "it cannot be opened here"
        if self._reopen is not None:
            try:
                found = self._reopen(name)
            except (UnknownEmbedder, EmbedderUnavailable) as error:
                reason = str(error)
            else:
                if (found.name, found.dimension) == (name, dimension):
                    return found
                found.close()
        raise DimensionMismatch(
            f"the index was built by {name} ({dimension} dimensions), and EMBEDDING_MODEL now gives "
            f"{self._embedder.name}; {reason}. Set EMBEDDING_MODEL back, or materialise the assets "
            "(aethergrid process) to build the index of the new one"
        )

    def _hint(self, collection: str, candidates: Candidates) -> str:
        if candidates.found:
            return NOT_SIMILAR
        return NO_MATCH if self._vectors.count(collection) else NO_INDEX


def fragment_filter(filters: Filters, space: str) -> FragmentFilter:
    """The conditions as the vector store takes them; ``space`` is that of who asks without naming one."""
    return FragmentFilter(
        space=filters.space or space,
        conversation_ids=tuple(filters.conversation_ids),
        sources=tuple(filters.sources),
        source_models=tuple(filters.source_models),
        task_types=tuple(filters.task_types),
        topics=tuple(filters.topics),
        roles=tuple(filters.roles),
        after=filters.after,
        before=filters.before,
    )


def _counts(candidates: Candidates, passed: int) -> dict[str, int]:
    return {
        "dense": candidates.dense,
        "lexical": candidates.lexical,
        "both": len(candidates.found),
        "passed": passed,
    }


def _recency(request: SearchRequest, now: dt.datetime) -> Recency | None:
    days = request.recency_half_life_days
    return None if days is None else Recency(dt.timedelta(days=days), now)


@contextmanager
def _timed(timings: Timings, stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = round((time.perf_counter() - started) * 1_000, 2)
