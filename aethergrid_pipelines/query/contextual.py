"""Context packs: a task in, the passages that help with it out, within a budget of tokens."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from aethergrid_pipelines.query.bids import bids
from aethergrid_pipelines.query.context import Window, windows
from aethergrid_pipelines.query.near_identical import repeats
from aethergrid_pipelines.query.pack_answer import pack_of
from aethergrid_pipelines.query.pack_records import Pack, PackRequest, PackStats
from aethergrid_pipelines.query.packing import pack
from aethergrid_pipelines.query.records import MAX_RESULTS, SearchRequest, SearchResponse
from aethergrid_pipelines.query.token_counts import TokenCounts
from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.vectors import CollectionMissing, VectorStore

THREADS = 8
LEAST_GROWN = 8
TOKENS_A_GROWN_HIT = 100
"""One of the best hits is looked at with its neighbours for so many tokens of the budget: those of a larger number
would find no room, and each takes a call to the store."""
JOINED = 32
"""Windows of one conversation with at most so many fragments between them are read at once: reading what is not needed
costs less than another call."""
NO_ROOM = "nothing fits into this budget: see leftOut"


class Searching(Protocol):
    """What finds the hits: :class:`aethergrid_pipelines.query.search.Search`, or a cache before it."""

    def search(self, request: SearchRequest) -> SearchResponse: ...


class Packer:
    """Thread-safe. ``search`` and ``vectors`` stay the caller's; :meth:`close` releases the threads."""

    def __init__(self, search: Searching, vectors: VectorStore, counts: TokenCounts | None = None) -> None:
        self._search = search
        self._vectors = vectors
        self._counts = counts or TokenCounts()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pack")

    def pack(self, request: PackRequest) -> Pack:
        """The best passages for a task. An empty index, or a budget into which nothing fits, gives an empty pack with
        a hint. Raises what a search raises."""
        try:
            return self._pack(request)
        except CollectionMissing:
            # The collection was swapped for another one between two calls: its successor is active by now.
            return self._pack(request)

    def close(self) -> None:
        """Release the threads; idempotent."""
        self._threads.shutdown()

    def _pack(self, request: PackRequest) -> Pack:
        started = time.perf_counter()
        found = self._search.search(
            SearchRequest(
                query=request.task,
                filters=request.filters,
                max_results=MAX_RESULTS,
                min_similarity=request.min_similarity,
                recency_half_life_days=request.recency_half_life_days,
            )
        )
        tokenizer, counted_by = self._counts.of(request.model)
        apart = frozenset(request.except_conversations)
        hits = [hit for hit in self._fragments(found) if hit[0].conversation_id not in apart]
        around = self._around(found.stats.collection, hits, request.token_budget)
        offered = bids(hits, around, task_type=request.task_type)
        same = repeats([bid.fragment.content for bid in offered])
        packed = pack(
            [bid for at, bid in enumerate(offered) if at not in same],
            request.token_budget,
            tokenizer,
            numbered=request.numbered,
        )
        return pack_of(
            packed,
            {offered[at].fragment.id: offered[first].fragment.id for at, first in same.items()},
            offered,
            tokenizer,
            token_budget=request.token_budget,
            counted_by=counted_by,
            hint=found.hint or (None if packed.passages else NO_ROOM),
            stats=PackStats(
                hits=len(hits),
                around=len(offered) - len(hits),
                took_ms={**found.stats.took_ms, "pack": round((time.perf_counter() - started) * 1_000, 2)},
                collection=found.stats.collection,
                embedder=found.stats.embedder,
            ),
        )

    def _fragments(self, found: SearchResponse) -> list[tuple[Fragment, float]]:
        """The hits as fragments, which know their place in the conversation; one that was deleted since is none."""
        if found.stats.collection is None or not found.results:
            return []
        scores = {hit.lineage.fragment_id: hit.score for hit in found.results}
        fragments = self._vectors.fetch(found.stats.collection, list(scores))
        return [(fragment, scores[fragment.id]) for fragment in fragments]

    def _around(self, collection: str | None, hits: Sequence[tuple[Fragment, float]], budget: int) -> list[Fragment]:
        grown = max(LEAST_GROWN, budget // TOKENS_A_GROWN_HIT) if budget else 0

        def read(window: Window) -> list[Fragment]:
            assert collection is not None  # noqa: S101 (without one there are no hits)
            return self._vectors.neighbours(collection, window.conversation_id, window.first, window.last)

        parts = self._threads.map(read, wider(windows(fragment for fragment, _ in hits[:grown])))
        return [fragment for part in parts for fragment in part]


def wider(found: Sequence[Window]) -> list[Window]:
    """Windows, those of a conversation together and ascending → the same, near ones joined."""
    joined: list[Window] = []
    for window in found:
        last = joined[-1] if joined else None
        if last and last.conversation_id == window.conversation_id and window.first - last.last <= JOINED + 1:
            joined[-1] = Window(last.conversation_id, last.first, window.last)
        else:
            joined.append(window)
    return joined
