"""What the steps of a batch hand to each other, beside what the catalog keeps of it."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import event

from aethergrid_pipelines.flow.engine import materialise, materialise_all
from aethergrid_pipelines.flow.handed_on import HandedOn
from aethergrid_pipelines.flow.scope import Output, Scope, Stale
from aethergrid_pipelines.flow.step import read_rows
from aethergrid_pipelines.flow.steps import CHAIN
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import ChunkRow, CleanedMessageRow, table_of
from aethergrid_pipelines_tests.flow.contents import DAY, everything, put

TEXTS = [
    "How many 🚚 left\x00 the depot in Zürich?\x07",
    "Twelve:\n\n```py\nprint('twelve')\n```\n\n" + "## And then\n\nThey came back, one after the other. " * 60,
    "",
    "ﬁn",
]

TABLES = {"cleaned_messages": table_of(CleanedMessageRow), "chunks": table_of(ChunkRow)}
ORDERS = {"cleaned_messages": ("timestamp", "position", "id"), "chunks": ("ordinal",)}


def test_what_is_handed_on_is_what_the_catalog_has(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[str, dict[str, list[dict[str, Any]]]] = {}
    take = HandedOn.take

    def noted(
        self: HandedOn, step: str, batch: Sequence[Stale], order: Sequence[str]
    ) -> dict[str, list[dict[str, Any]]]:
        found = take(self, step, batch, order)
        taken.setdefault(step, {}).update(found)
        return found

    monkeypatch.setattr(HandedOn, "take", noted)
    put(stores, "a", TEXTS)
    put(stores, "b", TEXTS[::-1], days=1)
    materialise_all(stores, Scope(), run_id="r1")

    for step, table in TABLES.items():
        assert len(taken[step]) == 2
        assert taken[step] == read_rows(stores, table, list(taken[step]), *ORDERS[step])
    assert taken["embeddings"] == taken["chunks"]


def test_a_batch_reads_nothing_that_its_steps_made(stores: Stores) -> None:
    put(stores, "a", TEXTS)
    asked: list[str] = []
    listening = (stores.catalog.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    event.listen(*listening)
    materialise_all(stores, Scope(), run_id="r1")
    event.remove(*listening)
    assert any("INSERT INTO chunks" in statement for statement in asked)
    for column in ("cleaned_messages.content", "chunks.text", "vectors.vector"):
        assert not any(column in statement for statement in asked if statement.startswith("SELECT"))


def test_steps_that_run_on_their_own_make_the_same(stores: Stores) -> None:
    put(stores, "a", TEXTS)
    for step in CHAIN:
        materialise(stores, step, Scope(), run_id="r1")
    alone = everything(stores)
    for step in CHAIN[1:]:
        step.erase(stores, [state.conversation.id for state in stores.conversations.states()])
    materialise_all(stores, Scope(), run_id="r1")
    assert everything(stores) == alone


def test_rows_of_another_version_are_read() -> None:
    handed = HandedOn()
    rows = [{"ordinal": 1}, {"ordinal": 0}]
    handed.give("chunks", {"a": Output("v2", 2)}, {"a": rows})
    other, asked = (Stale("a", DAY.date(), version, 2) for version in ("v1", "v2"))
    assert handed.take("embeddings", [asked], ["ordinal"]) == {}
    assert handed.take("chunks", [other], ["ordinal"]) == {}
    handed.give("chunks", {"a": Output("v2", 2)}, {"a": rows})
    assert handed.take("chunks", [asked], ["ordinal"]) == {"a": rows[::-1]}
    assert handed.take("chunks", [asked], ["ordinal"]) == {}
