"""Cutting off candidates, and adding up fields, without a store."""

from collections.abc import Collection

import numpy as np
import pytest

from aethergrid_pipelines.stores.candidates import best, distinct
from aethergrid_pipelines.stores.vectors import Candidate
from aethergrid_pipelines.stores.weaviate_lexical import Ranked, best_sums
from aethergrid_pipelines_tests.contract.fragments import fragment


@pytest.mark.parametrize("limit", [0, 1, 5, 40, 200])
def test_the_best_are_cut_by_score_and_then_by_id(limit: int) -> None:
    rows = [Candidate(fragment(n), score) for n, score in enumerate([1.0] * 3 + [0.5] * 90 + [0.1] * 7)]
    ordered = sorted(rows, key=lambda hit: (-hit.score, hit.fragment.id))
    # What a store gives is cut among equals in the order of insertion, against that of the ids.
    assert best(lambda count: rows[:count], limit) == ordered[:limit]


def test_terms_count_once_and_white_space_parts_them() -> None:
    assert distinct(["b", "a", "b", "c  a\td", " "]) == ["b", "a", "c", "d"]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("limit", [1, 10, 120])
def test_sums_of_fields_are_those_of_a_full_scan(seed: int, limit: int) -> None:
    generator = np.random.default_rng(seed)
    fields: dict[str, Ranked] = {}
    for field in ("body", "near", "far"):
        # Few distinct scores, so that many sums are equal; and ids that miss a field.
        scores = generator.integers(0, 30, 900) / 4
        fields[field] = {
            f"{n:04d}": float(score) for n, score in enumerate(scores) if score and generator.random() < 0.7
        }
    boosts = {"body": 1.0, "near": 0.5, "far": 0.25}

    def ranked(field: str, count: int) -> Ranked:
        return dict(sorted(fields[field].items(), key=lambda pair: -pair[1])[:count])

    def scored(field: str, ids: Collection[str]) -> Ranked:
        return {id_: fields[field][id_] for id_ in ids if id_ in fields[field]}

    ids = {id_ for scores in fields.values() for id_ in scores}
    full = {id_: sum(boost * fields[field].get(id_, 0.0) for field, boost in boosts.items()) for id_ in ids}
    expected = sorted(full.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
    assert best_sums(boosts, limit, ranked=ranked, scored=scored) == expected
