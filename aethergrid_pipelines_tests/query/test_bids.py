import pytest

from aethergrid_pipelines.query.bids import ANSWER, BESIDE, SAME_MESSAGE, SAME_TASK, bids
from aethergrid_pipelines_tests.query.said import fragment

QUESTION = fragment("Why do connections run out?", 2)


def test_the_best_hit_comes_first_and_worse_scores_are_worth_less() -> None:
    worse, best, same = fragment("a", 0), fragment("b", 20), fragment("c", 40)

    found = bids([(worse, 0.4), (best, 0.5), (same, 0.5)], [])

    assert [bid.fragment.id for bid in found] == [best.id, same.id, worse.id]
    assert found[0].value == 1.0
    assert found[2].value < 0.5


@pytest.mark.parametrize(
    ("neighbour", "share"),
    [
        (fragment("Each request leaks one.", 3, model="gpt-5"), ANSWER),
        (fragment("and why at noon?", 3, message=QUESTION.message_id), SAME_MESSAGE),
        (fragment("Good morning.", 1), BESIDE),
        (fragment("Good morning to you.", 1, model="gpt-5"), BESIDE),
        (fragment("At noon only.", 4), BESIDE**2),
    ],
    ids=["answer", "same message", "before", "model before", "two away"],
)
def test_what_stands_beside_a_hit_is_worth_a_share_of_it(neighbour: object, share: float) -> None:
    [hit, beside] = bids([(QUESTION, 0.5)], [QUESTION, neighbour])  # type: ignore[list-item]

    assert (hit.fragment, hit.score) == (QUESTION, 0.5)
    assert beside.value == pytest.approx(share)
    assert beside.score is None


def test_what_is_too_far_away_or_of_another_conversation_is_not_offered() -> None:
    strangers = [fragment("far", 5), fragment("elsewhere", 3, conversation="c2")]

    assert [bid.fragment for bid in bids([(QUESTION, 0.5)], strangers)] == [QUESTION]


def test_a_hit_beside_a_better_one_is_worth_what_is_more_and_stays_a_hit() -> None:
    answer = fragment("Each request leaks one.", 3, model="gpt-5")

    found = bids([(QUESTION, 0.9), (answer, 0.1)], [QUESTION, answer])

    assert [(bid.score, bid.value) for bid in found] == [(0.9, 1.0), (0.1, ANSWER)]


def test_the_task_type_that_is_asked_for_is_preferred_and_others_stay() -> None:
    coding, debugging = fragment("a", 0, task_type="coding"), fragment("b", 20)

    found = bids([(debugging, 0.5), (coding, 0.5)], [], task_type="coding")

    assert [(bid.fragment.task_type, bid.value) for bid in found] == [("coding", SAME_TASK), ("debugging", 1.0)]


def test_nothing_found_is_nothing_offered() -> None:
    assert bids([], []) == []
