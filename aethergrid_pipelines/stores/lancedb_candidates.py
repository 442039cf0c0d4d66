"""Candidates of both sides from one version of a LanceDB table.

To read whole rows takes as long as to find them. So both sides find places of rows first, at the same time, and each
row is read once, with all its columns. Of very many rows, which are in as many files more, only what ranking reads is,
and the rest for those that are shown (:data:`READ_AT_ONCE`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.stores.candidates import best, cosines, in_order
from aethergrid_pipelines.stores.lancedb_rows import COLUMNS, SEARCHED, to_candidates, to_fragments
from aethergrid_pipelines.stores.lancedb_tables import present, vector_segments
from aethergrid_pipelines.stores.lancedb_upkeep import EXACT_ROWS
from aethergrid_pipelines.stores.vectors import RANKED, Candidates

if TYPE_CHECKING:
    from lancedb.expr import Expr
    from lancedb.table import Table

EF_A_ROW, LEAST_EF, FEW_GRAPHS = 12, 300, 4
"""How many nodes of the graph are looked at for each row that is asked for. Of 20,000 fragments of generated
conversations this finds 97.9 % of the 100 nearest and 99.6 % of the 20 nearest in 5.5 ms, of 100,000 in one graph 95.9
and 98.3 % in 7.2 ms; a third of it 91.6 and 96.5 %, 85.6 and 92.7 %, and takes four fifths of the time.

Of more than ``FEW_GRAPHS`` each has few of the best, and fewer nodes find them: among a million fragments in 41 graphs
12 for each row find 98.3 and 99.6 % in 106 ms, 6 of them 98.0 and 99.4 % in 73, 3 of them 96.8 and 99.0 % in 55."""

REFINED = 100
"""Vectors in the graph are quantised to bytes: at least so many of the best are compared exactly. All that are returned
are anyway, so that scores are exact; more of them than are asked for costs more than more nodes do, and finds less."""


READ_AT_ONCE = 400_000
"""Up to so many rows all columns of the candidates are read at once. Among a million, in a hundred files, that takes 57
ms of the clock and 95 of the processor, and first those of ranking, then the others of ten rows 42 and 66 together;
among 20,000 it takes 3 ms less than both."""


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
    """The ``count`` rows with the nearest vectors, with ``_distance`` (cosine): exact where at most ``EXACT_ROWS`` rows
    pass the filter; distances are always exact."""
    # Declared as the base of all query builders, which has no distance type.
    nearby: Any = table.search(query, vector_column_name="vector", query_type="vector")
    nearby = nearby.distance_type("cosine")
    graphs = vector_segments(table)
    if graphs and table.count_rows(passing.to_sql()) > EXACT_ROWS:
        nearby = nearby.refine_factor(max(1, -(-REFINED // count))).ef(_nodes(count, graphs))
    else:
        nearby = nearby.bypass_vector_index()
    nearby = nearby.where(passing, prefilter=True).limit(count)
    return nearby.with_row_id(True).select([*columns, "_distance"]).to_arrow()


def _nodes(count: int, graphs: int) -> int:
    """How many nodes of each graph to look at for ``count`` rows."""
    share = math.cbrt(FEW_GRAPHS / max(FEW_GRAPHS, graphs))
    return max(LEAST_EF, round(count * EF_A_ROW * share))


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
