"""What of the catalog is on the disk, and when (docs/decisions/0017)."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, event, text

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.flow import Fragment
from aethergrid_pipelines_tests.flow.contents import put

SQLITE_FULL = 2


def is_durable(connection: Connection) -> bool:
    """Whether a transaction will be on the disk when it is committed."""
    if connection.dialect.name == "sqlite":
        return bool(connection.execute(text("PRAGMA synchronous")).scalar_one() == SQLITE_FULL)
    return bool(connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on")


def test_a_transaction_waits_for_the_disk_unless_it_says_that_it_need_not(stores: Stores) -> None:
    found = []
    for durable in (True, False, True, False):
        with stores.catalog.writing(durable=durable) as connection:
            found.append(is_durable(connection))
    with stores.catalog.writing() as connection:
        found.append(is_durable(connection))
    assert found == [True, False, True, False, True]


def test_what_is_about_to_be_sent_is_on_the_disk_and_what_follows_from_it_need_not_be(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stores, "talk", ["Which commits wait for the disk?", "Those that something outside depends on."])
    done: list[str] = []

    def committed(connection: Connection) -> None:
        done.append("durable" if is_durable(connection) else "fast")

    def send(collection: str, fragments: Sequence[Fragment], *, instead_of: Sequence[str]) -> None:
        done.append("sent")
        upsert(collection, fragments, instead_of=instead_of)

    upsert = stores.vectors.upsert
    monkeypatch.setattr(stores.vectors, "upsert", send)
    event.listen(stores.catalog.engine, "commit", committed)
    materialise_all(stores, Scope(), run_id="durable")
    event.remove(stores.catalog.engine, "commit", committed)
    assert done[-4:] == ["durable", "sent", "fast", "fast"]
    assert set(done[:-4]) == {"fast"}


def test_erasing_waits_for_the_disk(stores: Stores) -> None:
    put(stores, "talk", ["Whom does this concern?", "Nobody any more."])
    materialise_all(stores, Scope(), run_id="durable")
    found = []
    event.listen(stores.catalog.engine, "commit", lambda connection: found.append(is_durable(connection)))
    for conversation in [state.conversation.id for state in stores.conversations.states()]:
        stores.conversations.forget(conversation)
    materialise_all(stores, Scope(), run_id="durable")
    assert found
    assert all(found)
