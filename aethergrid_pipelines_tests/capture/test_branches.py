import datetime as dt

import pytest

from aethergrid_pipelines.capture.branches import current_branch, depths, newest_leaf

#      a ── b ── c ── e
#            └── d
TREE = {"e": "c", "d": "b", "c": "b", "b": "a", "a": None}
LOOP = {"x": "z", "y": "x", "z": "y"}


def at(second: int) -> dt.datetime:
    return dt.datetime(2026, 10, 5, 9, 0, second, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("parents", "leaf", "branch"),
    [
        (TREE, "e", "abce"),
        (TREE, "d", "abd"),
        (TREE, "a", "a"),
        (TREE, "gone", ""),
        (TREE, None, ""),
        ({"b": "gone", "c": "b"}, "c", "bc"),
        (LOOP, "z", "xyz"),
    ],
)
def test_the_current_branch_leads_from_the_root_to_its_leaf(
    parents: dict[str, str | None], leaf: str | None, branch: str
) -> None:
    assert "".join(current_branch(parents, leaf)) == branch


def test_the_place_of_a_message_is_the_same_whichever_branch_is_current() -> None:
    assert depths(TREE) == {"a": 0, "b": 1, "c": 2, "d": 2, "e": 3}
    assert depths(dict(reversed(TREE.items()))) == depths(TREE)


def test_a_long_conversation_and_a_loop_have_an_end() -> None:
    chain: dict[str, str | None] = {str(number): str(number - 1) for number in range(20_000, 0, -1)}
    assert max(depths(chain).values()) == 19_999
    assert set(depths(LOOP)) == set(LOOP)


def test_a_conversation_goes_on_at_its_newest_end() -> None:
    written = {"a": at(9), "b": at(8), "c": at(1), "d": at(5), "e": at(3)}
    assert newest_leaf(TREE, written.get) == "d"
    assert newest_leaf(TREE, {"e": at(3)}.get) == "e"
    assert newest_leaf({}, written.get) is None


def test_of_equal_ends_the_last_one_counts() -> None:
    assert newest_leaf({"a": None, "b": "a", "c": "a"}, lambda name: at(1)) == "c"
    assert newest_leaf(LOOP, lambda name: None) == "z"
