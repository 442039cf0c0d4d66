import datetime as dt
import itertools

import numpy as np
import pytest

from aethergrid_pipelines.query.question import understood
from aethergrid_pipelines.query.ranking import Ranked, Recency, collapse, diversified, rank
from aethergrid_pipelines.query.weights import WEIGHTS
from aethergrid_pipelines.stores.vectors import Candidate
from aethergrid_pipelines.transform.window import LexicalFields
from aethergrid_pipelines_tests.contract.fragments import DIMENSION, START, as_candidate, fragment, unit_vectors

NOW = dt.datetime(2026, 10, 20, tzinfo=dt.UTC)
QUESTION = understood("What made the connection pool run dry?", NOW)
VECTOR = unit_vectors(1, seed=5)[0]
HALVES = {"similarity": 0.5, "store": 0.5}
NUMBERS = {fragment(number).id: number for number in range(10)}


def candidate(number: int, similarity: float, lexical: float, content: str | None = None) -> Candidate:
    return as_candidate(fragment(number, content=content or f"content of {number}"), similarity, lexical)


def numbers(ranked: list[Ranked]) -> list[int]:
    return [NUMBERS[hit.candidate.id] for hit in ranked]


def test_no_candidates_give_no_ranking() -> None:
    assert rank(QUESTION, [], VECTOR) == []


def test_no_weight_is_negative_and_together_they_make_one() -> None:
    assert min(WEIGHTS.values()) > 0
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


def test_scores_are_weighted_sums_of_scaled_features() -> None:
    ranked = rank(QUESTION, [candidate(1, 0.9, 0.0), candidate(2, 0.5, 4.0)], VECTOR, weights=HALVES)

    assert {NUMBERS[hit.candidate.id]: hit.score for hit in ranked} == pytest.approx({1: 0.5, 2: 0.5})


def test_a_lexical_match_counts_from_zero_and_not_from_the_weakest_match() -> None:
    found = [candidate(1, 0.5, 5.0), candidate(2, 0.5, 10.0), candidate(3, 0.5, 10.0)]
    scores = {NUMBERS[hit.candidate.id]: hit.score for hit in rank(QUESTION, found, VECTOR, weights=HALVES)}

    assert scores == pytest.approx({1: 0.25, 2: 0.5, 3: 0.5})


def test_the_parts_of_a_score_add_up_to_it() -> None:
    body = "pool connect dry"
    found = [
        as_candidate(
            fragment(n, terms=LexicalFields(body if n == 3 else "x", "pool" if n == 4 else "").written()), 0.1 * n, 0.0
        )
        for n in range(6)
    ]
    ranked = rank(QUESTION, found, VECTOR)

    assert NUMBERS[ranked[0].candidate.id] == 3
    assert all(hit.score == pytest.approx(sum(hit.parts.values())) and 0 <= hit.score <= 1 for hit in ranked)
    assert {"related", "coverage"} <= ranked[0].parts.keys()


def test_the_order_of_the_candidates_does_not_matter() -> None:
    candidates = [candidate(1, 0.5, 1.0), candidate(2, 0.5, 1.0), candidate(3, 0.5, 1.0), candidate(4, 0.2, 2.0)]
    orders = {tuple(numbers(rank(QUESTION, list(order), VECTOR))) for order in itertools.permutations(candidates)}

    assert len(orders) == 1


def test_a_list_is_taken_from_several_sessions_and_the_parts_say_what_that_cost() -> None:
    def said(number: int, conversation: str, similarity: float) -> Candidate:
        return as_candidate(fragment(number, conversation_id=conversation), similarity, 0.0)

    found = [said(1, "a", 0.90), said(2, "a", 0.88), said(3, "a", 0.86), said(4, "b", 0.82), said(5, "b", 0.20)]
    one, several = understood("What did she read last?", NOW), understood("What books has she read?", NOW)
    weights = {"similarity": 1.0}

    assert numbers(rank(one, found, VECTOR, weights=weights)) == [1, 2, 3, 4, 5]
    ranked = rank(several, found, VECTOR, weights=weights)
    assert numbers(ranked) == [1, 2, 4, 3, 5]
    assert [round(hit.parts.get("same_session", 0.0), 4) for hit in ranked] == [0.0, -0.05, 0.0, -0.1, 0.0]
    assert all(hit.score == pytest.approx(sum(hit.parts.values())) and 0 <= hit.score <= 1 for hit in ranked)


@pytest.mark.parametrize(
    ("text", "several"),
    [
        ("Where has Melanie camped?", True),
        ("What instruments does he play?", True),
        ("Which of the services have we moved to Kubernetes?", True),
        ("What did Caroline research?", False),
        ("Why does this query take so long?", False),
        ("Who is on call this week?", False),
    ],
)
def test_a_question_for_a_list_is_recognised_by_its_form(text: str, several: bool) -> None:
    assert understood(text, NOW).several is several


def test_fragments_that_say_the_same_collapse_into_the_best_of_them() -> None:
    found = [candidate(1, 0.9, 5.0, "Thanks!"), candidate(2, 0.5, 1.0, "thanks!  "), candidate(3, 0.4, 0.0, "Other")]
    ranked = rank(QUESTION, found, VECTOR, weights=HALVES)

    assert [(NUMBERS[hit.candidate.id], hit.duplicates) for hit in collapse(ranked)] == [(1, 1), (3, 0)]


def test_a_half_life_halves_the_score_of_what_is_that_old() -> None:
    day = dt.timedelta(days=1)
    old = as_candidate(fragment(1, timestamp=NOW - 20 * day), 0.9, 4.0)
    new = as_candidate(fragment(2, timestamp=NOW), 0.8, 3.9)
    recency = Recency(10 * day, NOW)
    plain = {NUMBERS[hit.candidate.id]: hit.score for hit in rank(QUESTION, [old, new], VECTOR, weights=HALVES)}
    aged = rank(QUESTION, [old, new], VECTOR, weights=HALVES, recency=recency)

    assert numbers(aged) == [2, 1]
    assert {NUMBERS[hit.candidate.id]: hit.score for hit in aged} == pytest.approx({1: plain[1] / 4, 2: plain[2]})
    assert recency.factor(NOW + day) == 1.0
    assert recency.factor(START) > 0


def test_diversity_prefers_what_is_unlike_what_came_before() -> None:
    one, other = np.eye(DIMENSION, dtype=np.float32)[:2]
    ranked = [Ranked(candidate(n, 0.5, 0.0), score) for n, score in ((1, 0.9), (2, 0.8), (3, 0.5))]
    vectors = np.stack([one, one, other])

    assert numbers(diversified(ranked, vectors, 0.0, 3)) == [1, 2, 3]
    assert numbers(diversified(ranked, vectors, 0.5, 3)) == [1, 3, 2]
    assert numbers(diversified(ranked, vectors, 0.5, 1)) == [1]
