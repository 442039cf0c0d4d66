"""What speaks for a candidate, one feature at a time."""

import datetime as dt
from typing import Any

import numpy as np
import pytest

from aethergrid_pipelines.query.features import features
from aethergrid_pipelines.query.question import understood
from aethergrid_pipelines.query.synonyms import synonyms
from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines.transform.surroundings import surroundings
from aethergrid_pipelines.transform.window import LexicalFields
from aethergrid_pipelines_tests.contract.fragments import DIMENSION, START, as_candidate, fragment, unit_vectors

NOW = dt.datetime(2026, 10, 14, tzinfo=dt.UTC)
VECTOR = unit_vectors(1, seed=5)[0]


def figures(question: str, *given: dict[str, Any]) -> dict[str, list[float]]:
    rows = [_row(n, **{"body": "word", "speaker": None, "source_model": None, **one}) for n, one in enumerate(given)]
    found = features(understood(question, NOW), [as_candidate(row, 0.5, 0.0) for row in rows], VECTOR)
    return {name: column.tolist() for name, column in found.items()}


def _row(number: int, *, body: str, near: str = "", far: str = "", **given: Any) -> Fragment:
    return fragment(number, terms=LexicalFields(body, near, far).written(), **given)


def test_every_feature_is_a_figure_between_nothing_and_one() -> None:
    rows = [
        {"body": "pool " * n + "leak", "near": "pool", "traits": "question time name", "speaker": "Ada"}
        for n in range(9)
    ]
    found = figures("When did Ada see the pool leak in May?", *rows, {"speaker": "Bob"})
    assert all(len(column) == 10 and min(column) >= 0 and max(column) <= 1 for column in found.values())


def test_a_term_counts_more_in_a_fragment_than_beside_it_and_farther_away_least() -> None:
    found = figures("leak", {"body": "leak x"}, {"near": "leak x"}, {"far": "leak x"}, {})["related"]
    assert sorted(found, reverse=True) == found
    assert found[0] == 1.0
    assert found[2] > found[3] == 0.0


def test_a_related_word_answers_but_less_than_the_word_itself() -> None:
    assert "guitar" in dict(synonyms().of("instrument"))
    found = figures("instruments", {"body": "instrument"}, {"body": "guitar"}, {"body": "leak"})["related"]
    assert found[0] == 1.0 > found[1] > found[2] == 0.0


def test_coverage_is_the_share_of_what_was_asked() -> None:
    found = figures(
        "pool leak", {"body": "pool leak"}, {"body": "pool"}, {"body": "leak", "near": "pool"}, {"body": "x"}
    )
    assert found["coverage"][0] == found["coverage"][2] == pytest.approx(1.0)
    assert 0 < found["coverage"][1] < 1
    assert found["coverage"][3] == 0


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What did Ada propose?", [1.0, 0.0, 0.0]),
        ("What did Claude propose?", [0.0, 0.0, 1.0]),
        ("What was proposed?", [0.0, 0.0, 0.0]),
        ("What did Ada, Bob and Claude propose?", [0.0, 0.0, 0.0]),
    ],
)
def test_who_is_asked_about_speaks(question: str, expected: list[float]) -> None:
    rows = [{"speaker": "Ada"}, {"speaker": "Bob"}, {"source_model": "claude-sonnet-4-5"}]
    assert figures(question, *rows)["speaker"] == expected


@pytest.mark.parametrize(
    ("question", "traits", "feature"),
    [
        ("When was it deployed?", "time", "when"),
        ("How many pods were there?", "number", "how_many"),
        ("Who owns it?", "names", "who_or_where"),
        ("Which city did she visit?", "names", "who_or_where"),
        ("Which book did she read?", "title", "title"),
    ],
)
def test_what_kind_of_answer_is_asked_for_decides_which_trait_counts(question: str, traits: str, feature: str) -> None:
    assert figures(question, {"traits": traits}, {"traits": ""})[feature] == [1.0, 0.0]
    assert figures("Is it fixed?", {"traits": traits}, {"traits": ""})[feature] == [0.0, 0.0]


def test_a_question_is_no_statement() -> None:
    assert figures("leak", {"traits": "question"}, {"traits": ""})["statement"] == [0.0, 1.0]


def test_a_passage_that_points_where_the_question_does_is_near() -> None:
    rows = surroundings(np.stack([VECTOR, -VECTOR]), [0, 1])
    assert figures("leak", {"surroundings": rows[0]}, {"surroundings": rows[1]})["around"] == [1.0, 0.0]


def test_a_fragment_without_surroundings_stands_for_itself() -> None:
    opposite = surroundings(-VECTOR[None, :], [0])[0]
    assert figures("leak", {"surroundings": ""}, {"surroundings": opposite})["around"] == [1.0, 0.0]
    other = surroundings(unit_vectors(1, dimension=DIMENSION * 2), [0])[0]
    assert figures("leak", {"surroundings": other}, {"surroundings": opposite})["around"] == [1.0, 0.0]


def test_all_of_the_words_beside_each_other_are_more_than_one_again_and_again() -> None:
    found = figures("pool leak", {"body": "pool leak"}, {"body": "pool pool pool"}, {"body": "x"})["together"]
    assert found[0] > found[1] > found[2] == 0


def test_a_fragment_gains_from_the_best_of_its_session_alone() -> None:
    later = START + dt.timedelta(hours=9)
    rows: list[dict[str, Any]] = [
        {"body": "leak"},
        {"body": "x"},
        {"body": "x", "timestamp": later},
        {"body": "x", "conversation_id": "other"},
    ]
    assert figures("leak", *rows)["session"] == [1.0, 1.0, 0.0, 0.0]


def test_a_question_of_ten_thousand_words_is_ranked_by_its_beginning() -> None:
    found = figures("pool " + " ".join(f"word{n}" for n in range(10_000)), {"body": "pool"}, {"body": "word9999"})
    assert found["related"] == [1.0, 0.0]
