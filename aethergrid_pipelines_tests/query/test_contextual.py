from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.query.context import Window
from aethergrid_pipelines.query.contextual import JOINED, NO_ROOM, Packer, wider
from aethergrid_pipelines.query.pack_records import PackRequest
from aethergrid_pipelines.query.records import Filters
from aethergrid_pipelines.query.search import NO_INDEX, NO_MATCH, Search
from aethergrid_pipelines.stores.lancedb_vectors import LanceVectorStore
from aethergrid_pipelines_tests.query.memory import POOL

TASK = "Why does the checkout service run out of database connections?"


@pytest.fixture
def packer(search: Search, filled: LanceVectorStore) -> Iterator[Packer]:
    opened = Packer(search, filled)
    yield opened
    opened.close()


def test_a_pack_tells_a_conversation_in_order_with_models_dates_and_lineage(packer: Packer) -> None:
    found = packer.pack(PackRequest(task=TASK, filters=Filters(sources=["generic"])))

    [item] = found.items
    assert found.text.splitlines()[:2] == ["# Connections", "5 Oct 2026"]
    assert found.text.endswith(item.content)
    assert [found.text.index(said.content) for said in POOL] == sorted(found.text.index(said.content) for said in POOL)
    assert f"gpt-5: {POOL[1].content}" in item.content
    assert item.models == ["gpt-5"]
    assert [one.origin_line for one in item.lineage] == list(range(1, len(POOL) + 1))
    assert all(one.fragment_id and one.run_id == "run-1" for one in item.lineage)
    assert found.left_out == []
    assert found.hint is None


def test_the_text_stays_within_the_budget_and_what_is_left_out_is_named(packer: Packer) -> None:
    whole = packer.pack(PackRequest(task=TASK))
    small = packer.pack(PackRequest(task=TASK, token_budget=45))

    assert 0 < small.tokens <= 45 < whole.tokens
    inside = {one.fragment_id for item in small.items for one in item.lineage}
    left = {one.fragment_id for one in small.left_out}
    assert {one.reason for one in small.left_out} == {"budget"}
    assert left.isdisjoint(inside)
    matched = {id_ for item in whole.items for id_ in item.matched}
    assert left | inside >= matched


def test_what_was_said_beside_the_hits_of_a_filter_is_read_with_them(packer: Packer) -> None:
    found = packer.pack(PackRequest(task=TASK, filters=Filters(roles=["assistant"], topics=["databases"])))

    said = "\n".join(item.content for item in found.items)
    assert POOL[0].content in said
    assert all(len(item.matched) < len(item.lineage) for item in found.items)


def test_what_was_said_twice_is_in_once(packer: Packer) -> None:
    found = packer.pack(PackRequest(task="Thanks, deployed. The errors are gone."))

    assert found.text.count("Thanks, deployed.") == 1


def test_a_budget_of_nothing_gives_an_empty_pack_that_says_what_there_is(packer: Packer) -> None:
    found = packer.pack(PackRequest(task=TASK, token_budget=0))

    assert (found.text, found.tokens, found.items, found.hint) == ("", 0, [], NO_ROOM)
    assert found.left_out


def test_a_budget_of_a_million_gives_what_there_is(packer: Packer) -> None:
    found = packer.pack(PackRequest(task=TASK, token_budget=1_000_000))

    assert found.tokens < 1_000
    assert {one.reason for one in found.left_out} <= {"repetition"}


def test_passages_are_numbered_as_their_items_are(packer: Packer) -> None:
    found = packer.pack(PackRequest(task=TASK, numbered=True))

    assert all(f"[{item.number}] {item.content}" in found.text for item in found.items)


def test_the_answer_says_which_tokenizer_counted(packer: Packer) -> None:
    assert packer.pack(PackRequest(task=TASK)).counted_by.name == "all-MiniLM-L6-v2-wordpiece"


def test_an_empty_index_gives_an_empty_pack(tmp_path_factory: pytest.TempPathFactory, embedder: LocalEmbedder) -> None:
    store = LanceVectorStore(tmp_path_factory.mktemp("empty"))
    search = Search(store, embedder)
    packer = Packer(search, store)

    found = packer.pack(PackRequest(task=TASK))

    packer.close()
    search.close()
    assert (found.text, found.items, found.left_out, found.hint) == ("", [], [], NO_INDEX)


def test_filters_that_nothing_passes_give_an_empty_pack(packer: Packer) -> None:
    assert packer.pack(PackRequest(task=TASK, filters=Filters(space="another"))).hint == NO_MATCH


def test_windows_that_are_near_are_read_together() -> None:
    near, far = Window("a", 6 + JOINED, 9 + JOINED), Window("a", 11 + 2 * JOINED, 12 + 2 * JOINED)

    assert wider([Window("a", 0, 5), near, far, Window("b", 0, 4)]) == [
        Window("a", 0, 9 + JOINED),
        far,
        Window("b", 0, 4),
    ]
    assert wider([]) == []


@pytest.mark.parametrize(
    "given",
    [{"task": " "}, {"token_budget": -1}, {"token_budget": 10**9}, {"task_type": "knitting"}, {"colour": "red"}],
)
def test_what_cannot_be_packed_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(given))):
        PackRequest.model_validate({"task": TASK, **given})
