"""The contract of a conversation store: what it says of its own past."""

from pathlib import Path

from aethergrid_pipelines.stores.conversations import ConversationStore
from aethergrid_pipelines.stores.sqlite_conversations import SqliteConversationStore
from aethergrid_pipelines_tests.contract.conversations import Open, conversation, message, put

C, D = conversation("c"), conversation("d")


def test_a_store_honours_its_receipts_whatever_is_stored_or_forgotten_later(open_store: Open) -> None:
    store = open_store()
    empty = store.receipt()
    put(store, C, message(C, "1"))
    receipt = store.receipt()
    assert 0 < len(receipt) <= 64
    assert receipt != store.receipt() != empty
    put(store, D, message(D, "1"))
    assert store.forget(C.id)
    assert open_store().honours(receipt)
    assert store.honours(empty)


def test_a_store_honours_no_receipt_of_another(store: ConversationStore, tmp_path: Path) -> None:
    other = SqliteConversationStore(tmp_path / "other.db")
    receipt = other.receipt()
    other.close()
    assert not store.honours(receipt)
    assert not store.honours("")


def test_a_copy_from_before_does_not_honour_what_it_lacks(tmp_path: Path) -> None:
    store = SqliteConversationStore(tmp_path / "conversations.db")
    put(store, C, message(C, "1"))
    early = store.receipt()
    store.forget(D.id)  # Empties the write-ahead log.
    (tmp_path / "copy.db").write_bytes((tmp_path / "conversations.db").read_bytes())
    put(store, D, message(D, "1"))
    late = store.receipt()
    store.close()
    copy = SqliteConversationStore(tmp_path / "copy.db")
    put(copy, conversation("e"), message(conversation("e"), "1"))
    assert copy.honours(early)
    assert not copy.honours(late)
    copy.close()
