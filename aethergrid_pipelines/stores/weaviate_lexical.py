"""BM25 over several fields of Weaviate, added up exactly.

Asked for several properties at once, Weaviate 1.39 takes the mean of their document frequencies for each and merges
lists that were cut off before: on 2,000 texts of equal boosts, 3 of the 10 best were the right ones. One property
alone is exact. So each is asked alone, and the sums are found with the threshold algorithm (Fagin, Lotem, Naor,
«Optimal aggregation algorithms for middleware», 2003, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Protocol

from aethergrid_pipelines.stores.candidates import MOST_TIED

Ranked = dict[str, float]
"""Scores by id, best first."""


class Each(Protocol):
    """What ``map`` does with one iterable."""

    def __call__(self, work: Callable[[str], Ranked], fields: Iterable[str], /) -> Iterable[Ranked]: ...


AT_LEAST = 100
# Lists of eight times the limit settle most queries of six terms at once; every further round asks anew.
TIMES_LIMIT = 8


def best_sums(
    boosts: Mapping[str, float],
    limit: int,
    *,
    ranked: Callable[[str, int], Ranked],
    scored: Callable[[str, Collection[str]], Ranked],
    each: Each = map,
) -> list[tuple[str, float]]:
    """The ``limit`` best (id, score) by the sum of boost × score over the fields, best first, equal ones by id.

    ``ranked(field, n)`` gives the n best of one field, ``scored(field, ids)`` the scores of those of ``ids`` that
    match in it. Lists are lengthened until no id outside of them can be among the best, at most to ``MOST_TIED``
    beyond the limit. ``each`` applies a function to every field, as ``map`` does; it may do so at the same time.
    """
    depth = min(max(AT_LEAST, TIMES_LIMIT * limit), limit + MOST_TIED)
    while True:
        lists = dict(zip(boosts, each(partial(_of_depth, ranked, depth), boosts), strict=True))
        cut = {field: _last(scores, depth) * boosts[field] for field, scores in lists.items()}
        sums = _sums(boosts, lists, cut, limit, scored=scored, each=each)
        best = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
        unseen = sum(cut.values())
        settled = unseen == 0 or (len(best) == limit and best[-1][1] > unseen)
        if settled or depth >= limit + MOST_TIED:
            return best
        depth = min(depth * 4, limit + MOST_TIED)


def _of_depth(ranked: Callable[[str, int], Ranked], depth: int, field: str) -> Ranked:
    return ranked(field, depth)


def _last(scores: Ranked, depth: int) -> float:
    """What an id beyond the end of the list scores at most: nothing where the list was not cut off."""
    return min(scores.values()) if len(scores) >= depth else 0.0


def _sums(
    boosts: Mapping[str, float],
    lists: Mapping[str, Ranked],
    cut: Mapping[str, float],
    limit: int,
    *,
    scored: Callable[[str, Collection[str]], Ranked],
    each: Each,
) -> dict[str, float]:
    """The exact sums of all ids that may be among the best."""
    seen = {id_ for scores in lists.values() for id_ in scores}
    least = {id_: sum(boosts[field] * lists[field].get(id_, 0.0) for field in boosts) for id_ in seen}
    floor = sorted(least.values(), reverse=True)[:limit][-1] if len(seen) >= limit else 0.0

    def most(id_: str) -> float:
        return least[id_] + sum(cut[field] for field in boosts if id_ not in lists[field])

    # The smallest rounding must not throw out an equal one.
    hopeful = {id_ for id_ in seen if most(id_) >= floor * (1 - 1e-9)}

    def completed(field: str) -> Ranked:
        missing = sorted(id_ for id_ in hopeful if id_ not in lists[field])
        return {**lists[field], **scored(field, missing)} if missing and cut[field] else lists[field]

    known = dict(zip(boosts, each(completed, boosts), strict=True))
    return {id_: sum(boosts[field] * known[field].get(id_, 0.0) for field in boosts) for id_ in hopeful}
