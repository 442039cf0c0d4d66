import itertools

import pytest

from aethergrid_pipelines.query.ranking import Candidate, collapse, rank
from aethergrid_pipelines_tests.contract.fragments import fragment


def candidate(number: int, similarity: float, lexical: float, content: str | None = None) -> Candidate:
    return Candidate(fragment(number, content=content or f"content of {number}"), similarity, lexical)


def numbers(ranked: list) -> list[int]:  # type: ignore[type-arg]
    return [hit.candidate.fragment.ordinal for hit in ranked]


def test_no_candidates_give_no_ranking() -> None:
    assert rank([]) == []


def test_what_both_sides_favour_comes_before_what_one_side_favours() -> None:
    ranked = rank([candidate(1, 0.9, 0.0), candidate(2, 0.8, 9.0), candidate(3, 0.1, 10.0)])

    assert numbers(ranked) == [2, 1, 3] or numbers(ranked) == [2, 3, 1]


def test_scores_are_halves_of_both_scaled_scores() -> None:
    scores = {
        hit.candidate.fragment.ordinal: hit.score for hit in rank([candidate(1, 0.9, 0.0), candidate(2, 0.5, 4.0)])
    }

    assert scores == pytest.approx({1: 0.5, 2: 0.5})


def test_a_lexical_match_counts_from_zero_and_not_from_the_weakest_match() -> None:
    scores = {
        hit.candidate.fragment.ordinal: hit.score
        for hit in rank([candidate(1, 0.5, 5.0), candidate(2, 0.5, 10.0), candidate(3, 0.5, 10.0)])
    }

    assert scores == pytest.approx({1: 0.25, 2: 0.5, 3: 0.5})


def test_the_order_of_the_candidates_does_not_matter() -> None:
    candidates = [candidate(1, 0.5, 1.0), candidate(2, 0.5, 1.0), candidate(3, 0.5, 1.0), candidate(4, 0.2, 2.0)]
    orders = {tuple(numbers(rank(list(order)))) for order in itertools.permutations(candidates)}

    assert len(orders) == 1


def test_one_candidate_alone_has_no_score_to_scale_against() -> None:
    assert [hit.score for hit in rank([candidate(1, 0.7, 0.0)])] == [0.0]


def test_fragments_that_say_the_same_collapse_into_the_best_of_them() -> None:
    ranked = rank(
        [candidate(1, 0.9, 5.0, "Thanks!"), candidate(2, 0.5, 1.0, "thanks!  "), candidate(3, 0.4, 0.0, "Other")]
    )

    assert [(hit.candidate.fragment.ordinal, hit.duplicates) for hit in collapse(ranked)] == [(1, 1), (3, 0)]
