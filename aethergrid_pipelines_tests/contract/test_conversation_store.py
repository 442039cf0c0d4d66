"""The contract of a conversation store: what is stored, read and forgotten."""

import datetime as dt
import random

import pytest

from aethergrid_pipelines.records.conversation import RENDERED, Message, Origin
from aethergrid_pipelines.stores.conversations import (
    MAX_MESSAGE_BYTES,
    Appended,
    Change,
    ConversationStore,
    MessagesTooLarge,
)
from aethergrid_pipelines_tests.contract.conversations import (
    NOON,
    all_changes,
    contents,
    conversation,
    message,
    put,
    state,
)

STORED, UPDATED, UNCHANGED, FORGOTTEN = Appended
DAY = NOON.date()
HOUR = dt.timedelta(hours=1)
C = conversation("c", title="A title")


def test_a_message_is_stored_once_and_replaced_when_it_changes(store: ConversationStore) -> None:
    assert put(store, C, message(C, "1", "a"), message(C, "2", "b")) == [STORED, STORED]
    assert put(store, C, message(C, "1", "a"), message(C, "2", "c"), message(C, "3")) == [UNCHANGED, UPDATED, STORED]
    assert sorted(contents(store, C)) == ["a", "c", "hello"]
    assert state(store, C).message_count == 3


def test_there_is_one_outcome_for_each_message_of_each_entry(store: ConversationStore) -> None:
    other = conversation("other")
    batch = [
        (C, [message(C, "1"), message(C, "2")]),
        (other, []),
        (other, [message(other, "1")]),
        (C, [message(C, "1")]),
    ]
    assert store.append(batch) == [[STORED, STORED], [], [STORED], [UNCHANGED]]
    assert store.append([]) == []


def test_the_last_of_several_versions_in_a_batch_remains(store: ConversationStore) -> None:
    edits = [message(C, "1", text) for text in ("a", "a", "b")]
    assert put(store, C, *edits) == [STORED, UNCHANGED, UPDATED]
    assert contents(store, C) == ["b"]
    assert state(store, C).message_count == 1
    assert put(store, C, message(C, "1", "c"), message(C, "1", "d")) == [UPDATED, UPDATED]
    assert contents(store, C) == ["d"]


def test_what_a_page_shows_never_replaces_what_another_route_brought(store: ConversationStore) -> None:
    page = Origin(path=RENDERED, line=1)
    assert put(store, C, message(C, "1", "exported"), message(C, "2", "shown", origin=page)) == [STORED, STORED]
    version = state(store, C).version

    assert put(store, C, message(C, "1", "shown", origin=page)) == [UNCHANGED]
    assert state(store, C).version == version
    assert put(store, C, message(C, "2", "shown again", origin=page)) == [UPDATED]
    assert put(store, C, message(C, "2", "exported"), message(C, "2", "shown", origin=page)) == [UPDATED, UNCHANGED]
    assert put(store, C, message(C, "3", "exported"), message(C, "3", "shown", origin=page)) == [STORED, UNCHANGED]
    assert contents(store, C) == ["exported", "exported", "exported"]


def test_messages_come_by_timestamp_position_and_id(store: ConversationStore) -> None:
    said = [message(C, str(n), str(n), position=n % 3, timestamp=NOON + n % 5 * HOUR) for n in range(40)]
    put(store, C, *random.Random(7).sample(said, len(said)))
    expected = sorted(said, key=lambda m: (m.timestamp, m.position, m.id))
    assert list(store.messages([C.id])) == expected


def test_messages_come_conversation_by_conversation_in_the_order_asked(store: ConversationStore) -> None:
    several = [conversation(name) for name in "abcde"]
    store.append([(each, [message(each, "1", each.native_id)]) for each in several])
    order = [several[n].id for n in (3, 0, 4, 2)]
    assert [said.conversation_id for said in store.messages([*order, "unknown"])] == order


def test_messages_of_many_come_whole_however_long_each_is(store: ConversationStore) -> None:
    lengths = {"a": 3, "b": 700, "c": 0, "d": 499, "e": 1, "f": 500, "g": 40}
    several = [conversation(name) for name in lengths]
    for each in several:
        if lengths[each.native_id]:
            said = [message(each, f"{n:03}", str(n), position=n) for n in range(lengths[each.native_id])]
            store.append([(each, said)])
    order = [several[n] for n in (5, 2, 0, 6, 1, 4, 3)]
    expected = [(each.id, str(n)) for each in order for n in range(lengths[each.native_id])]
    assert [(said.conversation_id, said.content) for said in store.messages([each.id for each in order])] == expected
    few = [several[0].id, several[4].id]
    assert [said.conversation_id for said in store.messages(few)] == [few[0]] * 3 + [few[1]]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (dt.datetime(2026, 3, 5, 23, 59, 59, 999_999, tzinfo=dt.UTC), dt.date(2026, 3, 5)),
        (dt.datetime(2026, 3, 6, 0, 30, tzinfo=dt.timezone(HOUR)), dt.date(2026, 3, 5)),
        (dt.datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=dt.UTC), dt.date(1969, 12, 31)),
    ],
)
def test_the_day_is_that_of_the_first_message_in_utc(
    store: ConversationStore, moment: dt.datetime, day: dt.date
) -> None:
    put(store, C, message(C, "2", timestamp=moment + 48 * HOUR), message(C, "1", timestamp=moment))
    found = state(store, C)
    assert (found.day, found.first_at, found.last_at) == (day, moment, moment + 48 * HOUR)
    assert store.days() == [(day, 1)]


def test_an_earlier_message_moves_the_conversation_to_its_day(store: ConversationStore) -> None:
    put(store, C, message(C, "2"))
    put(store, C, message(C, "1", timestamp=NOON - 24 * HOUR))
    assert state(store, C).day == DAY - dt.timedelta(days=1)
    assert list(store.states(day=DAY)) == []


def test_an_edit_that_moves_the_first_message_moves_the_day_too(store: ConversationStore) -> None:
    put(store, C, message(C, "1"), message(C, "2", timestamp=NOON + 48 * HOUR))
    put(store, C, message(C, "1", timestamp=NOON + 24 * HOUR))
    found = state(store, C)
    assert (found.day, found.first_at) == (DAY + dt.timedelta(days=1), NOON + 24 * HOUR)
    assert found.message_count == 2


def test_the_version_changes_exactly_when_the_content_does(store: ConversationStore) -> None:
    def version_after(title: str | None, *messages: Message) -> str:
        put(store, conversation("c", title), *messages)
        return state(store, C).version

    one, two = message(C, "1", "a"), message(C, "2", "b")
    first = version_after(None, one)
    assert version_after(None, one) == first
    assert version_after(None, one.model_copy(update={"origin": one.origin.model_copy(update={"line": 9})})) == first
    titled = version_after("new", one)
    assert version_after("new") == titled
    assert version_after(None, one) == titled
    longer = version_after(None, one, two)
    edited = version_after(None, message(C, "1", "aa"))
    assert len({first, titled, longer, edited, version_after(None, one)}) == 5


def test_a_write_leaves_the_version_of_other_conversations_alone(store: ConversationStore) -> None:
    other = conversation("other")
    put(store, C, message(C, "1"))
    before = state(store, C)
    put(store, other, message(other, "1"))
    assert state(store, C) == before


def test_a_title_that_is_set_replaces_an_older_one(store: ConversationStore) -> None:
    put(store, conversation("c"), message(C, "1"))
    assert state(store, C).conversation.title is None
    for told, kept in (("one", "one"), (None, "one"), ("two", "two")):
        put(store, conversation("c", told))
        assert state(store, C).conversation == conversation("c", kept)


def test_a_conversation_without_a_message_is_not_stored(store: ConversationStore) -> None:
    assert put(store, C) == []
    assert list(store.states()) == []


def test_states_come_by_day_by_ids_or_all_ordered_by_id(store: ConversationStore) -> None:
    many = [conversation(str(n)) for n in range(1_203)]
    store.append([(each, [message(each, "1", timestamp=NOON + n % 2 * 24 * HOUR)]) for n, each in enumerate(many)])
    everything = sorted(each.id for each in many)
    assert [found.conversation.id for found in store.states()] == everything
    odd = sorted(each.id for each in many[1::2])
    tomorrow = DAY + dt.timedelta(days=1)
    assert [found.conversation.id for found in store.states(day=tomorrow)] == odd
    assert [found.conversation.id for found in store.states(ids=[*everything, "unknown"])] == everything
    assert [found.conversation.id for found in store.states(day=tomorrow, ids=everything[:9])] == [
        each for each in everything[:9] if each in odd
    ]
    assert list(store.states(ids=[])) == []
    assert store.days() == [(DAY, 602), (tomorrow, 601)]


@pytest.mark.parametrize(
    "content",
    ["", "👩‍👩‍👧 é \u2028", "a\0b\0", "x" * 5_000_000, "é" * 2_500_000],
    ids=["empty", "emoji", "nul", "5MB", "wide"],
)
def test_content_comes_back_as_it_was(store: ConversationStore, content: str) -> None:
    said = message(C, "1", content, timestamp_inferred=True, model="gpt-x", position=4)
    put(store, C, said)
    (found,) = store.messages([C.id])
    assert found == said
    assert put(store, C, found) == [UNCHANGED]


@pytest.mark.parametrize(
    "metadata",
    [
        {"a.b": 1, "$x": {"$y": [None, True, {"": 1.5}]}, "": "empty"},
        {"big": 2**70, "small": -(2**65), "long": 2**53 + 1},
        {"n\0l": "a\0b", "👍": "é"},
        {"_id": 1, "nested": {"_id": 2}},
    ],
)
def test_metadata_comes_back_as_it_was(store: ConversationStore, metadata: dict[str, object]) -> None:
    put(store, C, message(C, "1", metadata=metadata))
    assert next(store.messages([C.id])).metadata == metadata


def test_timestamps_keep_their_microseconds_and_equal_moments_are_equal(store: ConversationStore) -> None:
    moment = dt.datetime(2026, 3, 5, 1, 2, 3, 456_789, tzinfo=dt.timezone(5 * HOUR))
    put(store, C, message(C, "1", timestamp=moment))
    assert next(store.messages([C.id])).timestamp == moment
    assert put(store, C, message(C, "1", timestamp=moment.astimezone(dt.UTC))) == [UNCHANGED]


def test_a_message_beyond_the_limit_is_refused_and_the_rest_is_stored(store: ConversationStore) -> None:
    huge = message(C, "huge", "é" * (MAX_MESSAGE_BYTES // 2 + 1))
    with pytest.raises(MessagesTooLarge, match=huge.id) as caught:
        put(store, C, message(C, "1"), huge, message(C, "2"))
    assert caught.value.outcomes == [[STORED, None, STORED]]
    assert state(store, C).message_count == 2


def test_the_largest_message_is_stored(store: ConversationStore) -> None:
    assert put(store, C, message(C, "1", "x" * (MAX_MESSAGE_BYTES - 100))) == [STORED]


@pytest.mark.parametrize("wrong", ["timestamp", "conversation"])
def test_a_message_that_makes_no_sense_is_refused_with_the_whole_batch(store: ConversationStore, wrong: str) -> None:
    bad = (
        message(C, "2", timestamp=NOON.replace(tzinfo=None))
        if wrong == "timestamp"
        else message(conversation("x"), "2")
    )
    with pytest.raises(ValueError, match=bad.id):
        put(store, C, message(C, "1"), bad)
    assert list(store.states()) == []


def test_nothing_remains_of_a_forgotten_conversation(store: ConversationStore) -> None:
    other = conversation("other")
    store.append([(C, [message(C, str(n)) for n in range(5)]), (other, [message(other, "1")])])
    cursor = store.changes(None).cursor
    assert store.forget(C.id)
    assert list(store.states(ids=[C.id])) == []
    assert list(store.messages([C.id])) == []
    assert store.days() == [(DAY, 1)]
    assert all_changes(store, cursor)[-1] == Change(C.id, DAY)
    assert not store.forget(C.id)
    assert not store.forget("unknown")
    assert contents(store, other) == ["hello"]


def test_a_forgotten_conversation_does_not_come_back(store: ConversationStore) -> None:
    other = conversation("other")
    put(store, C, message(C, "1"))
    store.forget(C.id)
    batch = [(C, [message(C, "1"), message(C, "2")]), (other, [message(other, "1")])]
    assert store.append(batch) == [[FORGOTTEN, FORGOTTEN], [STORED]]
    assert list(store.messages([C.id])) == []
    assert [found.conversation.id for found in store.states()] == [other.id]
