"""Cutting off candidates without a store."""

import pytest

from aethergrid_pipelines.stores.candidates import best, distinct
from aethergrid_pipelines.stores.vectors import Scored
from aethergrid_pipelines_tests.contract.fragments import fragment


@pytest.mark.parametrize("limit", [0, 1, 5, 40, 200])
def test_the_best_are_cut_by_score_and_then_by_id(limit: int) -> None:
    rows = [Scored(fragment(n), score) for n, score in enumerate([1.0] * 3 + [0.5] * 90 + [0.1] * 7)]
    ordered = sorted(rows, key=lambda hit: (-hit.score, hit.fragment.id))
    # What a store gives is cut among equals in the order of insertion, against that of the ids.
    assert best(lambda count: rows[:count], limit) == ordered[:limit]


def test_terms_count_once_and_white_space_parts_them() -> None:
    assert distinct(["b", "a", "b", "c  a\td", " "]) == ["b", "a", "c", "d"]
