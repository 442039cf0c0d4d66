"""Candidates of both sides from one version of a LanceDB table.

To read whole rows takes as long as to find them. So both sides find places of rows first, at the same time, and each
row is read once, with all its columns. Of very many rows, which are in as many files more, only what ranking reads is,
and the rest for those that are shown (:data:`READ_AT_ONCE`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.candidates import best, cosines, in_order
from aethergrid_pipelines.stores.lancedb_rows import COLUMNS, SEARCHED, to_candidates, to_fragments
from aethergrid_pipelines.stores.lancedb_tables import present
from aethergrid_pipelines.stores.vectors import RANKED, Candidates

if TYPE_CHECKING:
    from lancedb.expr import Expr
    from lancedb.table import Table

LEAST_REFINED, REFINED = 100, 2
"""The index quantises vectors to bytes, so the best by these are compared exactly: twice as many as are asked for, and
at least so many. Among a million fragments this finds all of the 100 nearest, and 98.8 % where no more are compared
than are asked for, which takes 2 ms less."""

READ_AT_ONCE = 400_000
"""Up to so many rows all columns of the candidates are read at once. Among a million that takes 45 ms of the clock and
70 of the processor, and first those of ranking, then the others of ten rows 30 and 42 together; among 20,000 it takes 3
ms less than both."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row lies in a version of the table, its score, and its id where it was asked for."""

    row: int
    score: float
    id: str = ""

    @property
    def rank(self) -> tuple[float, str]:
        return -self.score, self.id


def nearest(table: Table, query: NDArray[np.float32], passing: Expr, count: int, columns: Sequence[str]) -> Any:
    """The ``count`` rows with the nearest vectors, with ``_distance`` (cosine), which is always exact. Whichever rows
    pass the filter, all of them are compared."""
    # Declared as the base of all query builders, which has no distance type.
    nearby: Any = table.search(query, vector_column_name="vector", query_type="vector")
    nearby = nearby.distance_type("cosine").refine_factor(max(REFINED, -(-LEAST_REFINED // count)))
    nearby = nearby.where(passing, prefilter=True).limit(count)
    return nearby.with_row_id(True).select([*columns, "_distance"]).to_arrow()


def matching(table: Table, query: Any, passing: Expr, count: int, columns: Sequence[str]) -> Any:
    """The ``count`` best rows by a full-text query, with ``_score``."""
    matches = table.search(query, query_type="fts").where(passing, prefilter=True)
    return matches.limit(count).with_row_id(True).select([*columns, "_score"]).to_arrow()


def full_text(words: str) -> Any:
    """Any of ``words``."""
    import lancedb  # noqa: F401  (whole before its parts: see lancedb_tables)
    from lancedb.query import MatchQuery

    match: Any = MatchQuery  # its fields are declared without their defaults
    return match(words, SEARCHED)


def compared(rows: Any, query: NDArray[np.float32], *, by: str = "_rowid") -> dict[Any, float]:
    """The cosine similarity of ``query`` to each row of a result with ``vector``, by another column of it."""
    matrix = rows.column("vector").combine_chunks().flatten().to_numpy().reshape(rows.num_rows, len(query))
    return dict(zip(rows.column(by).to_pylist(), cosines(matrix, query), strict=True))


def similarities(rows: Any) -> list[float]:
    """Cosine similarities of a result with ``_distance``."""
    found: list[float] = np.clip(1.0 - rows.column("_distance").to_numpy(), -1.0, 1.0).tolist()
    return found


def both_sides(
    table: Table,
    query: NDArray[np.float32],
    words: str,
    *,
    passing: Expr,
    limit: int,
    threads: ThreadPoolExecutor,
) -> Candidates:
    """The best ``limit`` of either side with both scores; without ``words`` those of one side. ``whole`` raises what
    reading a version raises that was purged since."""

    def find_near(count: int, columns: Sequence[str]) -> list[Place]:
        rows = nearest(table, query, passing, count, columns)
        return _places(rows, similarities(rows))

    def find_matches(count: int, columns: Sequence[str]) -> list[Place]:
        rows = matching(table, full_text(words), passing, count, columns)
        return _places(rows, rows.column("_score").to_pylist())

    side = threads.submit(_best, find_matches, limit if words else 0)
    try:
        near = {place.row: place.score for place in _best(find_near, limit)}
    finally:
        matches = {place.row: place.score for place in side.result()}
    missing = list(matches.keys() - near.keys())
    vectors = threads.submit(_take, table, missing, ["vector"])
    at_once = table.count_rows() <= READ_AT_ONCE
    read = _take(table, [*near, *missing], present(table, COLUMNS if at_once else RANKED))
    similarity = near | compared(vectors.result(), query)
    rows = read.column("_rowid").to_pylist()
    found = to_candidates(read, [similarity[row] for row in rows], [matches.get(row, 0.0) for row in rows])
    place_of = {one.id: place for place, one in enumerate(found)}

    def whole(ids: Sequence[str]) -> list[Fragment]:
        places = [place_of[id_] for id_ in ids]
        if at_once:
            return to_fragments(read.take(np.array(places, dtype=np.int64)))
        return in_order(to_fragments(_take(table, [rows[place] for place in places], present(table))), ids)

    return Candidates(found, len(near), len(matches), whole)


def _best(find: Callable[[int, Sequence[str]], list[Place]], limit: int) -> list[Place]:
    """The ``limit`` best. Only equal scores at the cut need ids, and to read them takes a third of a search."""
    if limit <= 0:
        return []
    found = sorted(find(limit + 1, []), key=lambda place: -place.score)
    if len(found) <= limit or found[limit - 1].score > found[limit].score:
        return found[:limit]
    return best(lambda count: find(count, ["id"]), limit)


def _places(rows: Any, scores: Sequence[float]) -> list[Place]:
    places = rows.column("_rowid").to_pylist()
    ids = rows.column("id").to_pylist() if "id" in rows.column_names else [""] * len(places)
    return [Place(row, float(score), id_) for row, score, id_ in zip(places, scores, ids, strict=True)]


def _take(table: Table, rows: Sequence[int], columns: Sequence[str]) -> Any:
    """These rows with ``_rowid``, in any order."""
    return table.take_row_ids(list(rows)).with_row_id().select(list(columns)).to_arrow()
