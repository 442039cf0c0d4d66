import pytest

from aethergrid_pipelines.query.context import Window, around, as_text, windows
from aethergrid_pipelines_tests.contract.fragments import fragment


@pytest.mark.parametrize(
    ("ordinals", "expected"),
    [
        ([5], [(3, 7)]),
        ([0], [(0, 2)]),
        ([5, 7], [(3, 9)]),
        ([5, 10], [(3, 12)]),
        ([11, 5], [(3, 7), (9, 13)]),
    ],
)
def test_windows_that_overlap_or_touch_are_one(ordinals: list[int], expected: list[tuple[int, int]]) -> None:
    found = windows(fragment(ordinal) for ordinal in ordinals)

    assert found == [Window("conversation-1", first, last) for first, last in expected]


def test_conversations_come_in_the_order_of_their_best_hit() -> None:
    hits = [fragment(9, conversation_id="b"), fragment(1, conversation_id="a"), fragment(2, conversation_id="b")]

    assert [window.conversation_id for window in windows(hits)] == ["b", "b", "a"]


def test_a_hit_is_surrounded_by_its_own_conversation_only() -> None:
    pool = [fragment(number) for number in range(6)] + [fragment(7, conversation_id="other", ordinal=2)]

    assert [one.ordinal for one in around(pool[1], pool)] == [0, 1, 2, 3]


def test_the_text_names_speakers_once_a_message_and_marks_what_is_left_out() -> None:
    text = as_text(
        [
            fragment(1, content="Why?", speaker=None, source_model=None, message_id="m1", title="Pool"),
            fragment(2, content="Because", role="assistant", speaker=None, source_model="gpt-5", message_id="m2"),
            fragment(3, content="of leaks.", role="assistant", speaker=None, source_model="gpt-5", message_id="m2"),
            fragment(7, content="Fixed.", speaker="Ada", source_model=None, message_id="m3"),
        ]
    )

    assert text.splitlines() == [
        "## Pool (claude-code, 2024-05-01)",
        "[user, 2024-05-01 12:01]",
        "Why?",
        "[assistant · gpt-5, 2024-05-01 12:02]",
        "Because",
        "of leaks.",
        "[…]",
        "[user · Ada, 2024-05-01 12:07]",
        "Fixed.",
    ]
