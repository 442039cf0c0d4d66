"""The contract of a conversation store: its change feed."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from aethergrid_pipelines.stores.conversations import (
    ConversationStore,
    HistoryLost,
)
from aethergrid_pipelines_tests.contract.conversations import (
    NOON,
    Open,
    all_changes,
    conversation,
    message,
    put,
)

DAY = NOON.date()
C = conversation("c")


def test_the_feed_reports_every_change_after_a_cursor_in_order(store: ConversationStore) -> None:
    put(store, C, message(C, "1"))
    cursor = store.changes(None).cursor
    assert store.changes(cursor).changes == []
    several = [conversation(name) for name in "xyz"]
    for each in several:
        put(store, each, message(each, "1"))
    put(store, several[0], message(several[0], "1"))
    seen = [change.conversation_id for change in all_changes(store, cursor)]
    assert list(dict.fromkeys(seen)) == [each.id for each in several]
    assert all(change.day == DAY for change in all_changes(store, cursor))


def test_the_feed_names_a_conversation_once_a_page(store: ConversationStore) -> None:
    cursor = store.changes(None).cursor
    other = conversation("other")
    put(store, C, message(C, "1"))
    put(store, other, message(other, "1"))
    put(store, C, message(C, "2"))
    assert [change.conversation_id for change in store.changes(cursor).changes] == [other.id, C.id]


def test_the_feed_goes_on_after_the_store_was_reopened(open_store: Open) -> None:
    with closing(open_store()) as first:
        cursor = first.changes(None).cursor
        put(first, C, message(C, "1"))
    with closing(open_store()) as second:
        page = second.changes(cursor)
        assert [change.conversation_id for change in page.changes] == [C.id]
        assert second.changes(page.cursor).changes == []


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_of_the_feed_lose_nothing(store: ConversationStore, limit: int) -> None:
    cursor = store.changes(None).cursor
    several = [conversation(str(n)) for n in range(10)]
    for each in several:
        put(store, each, message(each, "1"))
    seen = []
    while (page := store.changes(cursor, limit=limit)).changes:
        assert len(page.changes) <= limit
        seen += [change.conversation_id for change in page.changes]
        cursor = page.cursor
    assert list(dict.fromkeys(seen)) == [each.id for each in several]


@pytest.mark.parametrize("from_now_on", [True, False])
def test_waiting_ends_with_the_first_change(store: ConversationStore, from_now_on: bool) -> None:
    put(store, C, message(C, "0"))
    cursor = None if from_now_on else store.changes(None).cursor
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(store.changes, cursor, wait=200.0)
        n = 0
        while not waiting.done():
            # «From now on» begins somewhere in the other thread, so one write might come before it.
            n += 1
            put(store, C, message(C, str(n)))
    assert [change.conversation_id for change in waiting.result().changes] == [C.id]


def test_waiting_in_vain_gives_a_cursor_that_misses_nothing(store: ConversationStore) -> None:
    page = store.changes(None, wait=0.1)
    assert page.changes == []
    put(store, C, message(C, "1"))
    assert [change.conversation_id for change in all_changes(store, page.cursor)][-1] == C.id


@pytest.mark.parametrize("cursor", ["", "nonsense", "{}", "[]", '{"_data": "8263"}', "0123abcd:1", "null", '"x"'])
def test_a_cursor_of_another_store_has_no_history(store: ConversationStore, cursor: str) -> None:
    put(store, C, message(C, "1"))
    with pytest.raises(HistoryLost):
        store.changes(cursor)
