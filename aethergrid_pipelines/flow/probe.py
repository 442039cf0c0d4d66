"""Asking the index for what is known to be in it: whether it is found, and how long that takes."""

import statistics
import time
from dataclasses import asdict, dataclass

import numpy as np
from sqlalchemy import select

from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.records.tables import FragmentRow, table_of
from aethergrid_pipelines.stores.vectors import FragmentFilter
from aethergrid_pipelines.transform.window import read_fields

PROBES = 48
NEAREST = 10
TERMS = 6
ITSELF = 1 - 1e-3
"""A similarity from which on a neighbour is taken for the fragment itself: many fragments may say the same."""

_PREFIXES = "0123456789abcdef"
_ledger = table_of(FragmentRow)


@dataclass(frozen=True, slots=True)
class Probed:
    """``probe_recall``: the share of the probes that are among the ten nearest to their own vector, which an
    approximate index may miss. Medians in milliseconds."""

    probes: int
    probe_recall: float
    dense_ms: float
    lexical_ms: float

    def figures(self) -> dict[str, float]:
        """By name."""
        return asdict(self)


def probe(stores: Stores, collection: str) -> Probed | None:
    """Look for fragments of all parts of a collection, the same ones each time while they are there; ``None`` where it
    is empty. Raises what the stores raise."""
    found, dense, lexical = [], [], []
    for fragment in stores.vectors.fetch(collection, _sample(stores, collection), with_vectors=True):
        where = FragmentFilter(space=fragment.space)
        started = time.perf_counter()
        vector = np.asarray(fragment.vector, np.float32)
        nearest = stores.vectors.dense(collection, vector, where=where, limit=NEAREST)
        between = time.perf_counter()
        stores.vectors.lexical(collection, _terms(fragment), where=where, limit=NEAREST)
        dense.append(1_000 * (between - started))
        lexical.append(1_000 * (time.perf_counter() - between))
        found.append(any(hit.fragment.id == fragment.id or hit.score >= ITSELF for hit in nearest))
    if not found:
        return None
    return Probed(
        len(found),
        round(sum(found) / len(found), 4),
        round(statistics.median(dense), 2),
        round(statistics.median(lexical), 2),
    )


def _sample(stores: Stores, collection: str) -> list[str]:
    # Ids are hashes, so those after a prefix are a sample of everything; the ledger finds them by its key, which begins
    # with the conversation.
    ids: list[str] = []
    with stores.catalog.reading() as connection:
        for prefix in _PREFIXES:
            after = (
                select(_ledger.c.id)
                .where(
                    _ledger.c.conversation_id >= prefix,
                    _ledger.c.collection == collection,
                    _ledger.c.state == "stored",
                )
                .order_by(_ledger.c.conversation_id, _ledger.c.id)
                .limit(PROBES // len(_PREFIXES))
            )
            ids += connection.execute(after).scalars()
    return list(dict.fromkeys(ids))


def _terms(fragment: Fragment) -> list[str]:
    """Its longest terms, which are rare ones."""
    return sorted(set(read_fields(fragment.terms).body.split()), key=lambda term: (-len(term), term))[:TERMS]
