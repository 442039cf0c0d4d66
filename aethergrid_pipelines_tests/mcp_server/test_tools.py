"""What each tool answers, from real embedded stores."""

import json
import logging
import uuid
from pathlib import Path

import anyio
import pytest
from mcp import Client

from aethergrid_pipelines.api.components import Components
from aethergrid_pipelines.mcp_server.remembering import FOUND, indexing
from aethergrid_pipelines.mcp_server.server import MemoryServer
from aethergrid_pipelines.stores import lease
from aethergrid_pipelines.stores.select import open_catalog
from aethergrid_pipelines_tests.mcp_server.asking import answer, call, problem, text, with_client
from aethergrid_pipelines_tests.mcp_server.memory import LONG, POOL, SAID
from aethergrid_pipelines_tests.opened import KINDS, Place, place

NOTE = "We keep invoices for ten years because the tax office asks for that."


def test_a_search_finds_the_passage_with_speaker_date_and_lineage(server: MemoryServer) -> None:
    first = answer(server, "search_memory", query="why do we run out of database connections?")["results"][0]

    assert first["conversation_id"] == POOL
    assert first["title"] == "Pool"
    assert first["said_at"].startswith("2026-10-05T09:0")
    assert first["source"].startswith("api:")
    assert uuid.UUID(first["message_id"])


def test_the_text_says_what_the_structured_content_says(server: MemoryServer) -> None:
    result = call(server, "search_memory", query="Dutch postcodes")

    assert result.structured_content
    for passage in result.structured_content["results"]:
        for part in ("content", "said_by", "conversation_id", "message_id", "source"):
            assert passage[part] in text(result)


def test_filters_narrow_a_search(server: MemoryServer) -> None:
    by_model = answer(server, "search_memory", query="connections", model="gemini-2.5-pro")
    before = answer(server, "search_memory", query="connections", before="2026-10-01")
    inside = answer(server, "search_memory", query="connections", conversation_id=LONG, max_results=3)

    assert {passage["said_by"] for passage in by_model["results"]} == {"assistant · gemini-2.5-pro"}
    assert before["results"] == []
    assert before["hint"]
    assert {passage["conversation_id"] for passage in inside["results"]} == {LONG}


def test_a_pack_is_a_text_whose_passages_have_their_conversations(server: MemoryServer) -> None:
    result = call(server, "get_context", task="Mend the leak of database connections", model="claude-opus-4-5")

    assert result.structured_content
    pack = result.structured_content
    assert "finally block" in pack["text"]
    assert POOL in {source["conversation_id"] for source in pack["sources"]}
    for source in pack["sources"]:
        assert all(f"[{number}]" in pack["text"] for number in source["passages"])
        assert f"[{source['passages'][-1]}] conversation {source['conversation_id']}" in text(result)


def test_a_conversation_is_read_from_before_the_message_that_was_found(server: MemoryServer) -> None:
    whole = answer(server, "get_conversation", conversation_id=POOL)
    last = whole["messages"][-1]["message_id"]

    part = answer(server, "get_conversation", conversation_id=POOL, message_id=last)

    assert [turn["content"] for turn in whole["messages"]] == [said[3] for said in SAID if said[0] == "pool"]
    assert whole["next_offset"] is None
    assert part["offset"] == 1
    assert part["messages"] == whole["messages"][1:]


def test_the_parts_of_a_long_conversation_are_all_of_it(server: MemoryServer) -> None:
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None:
        part = answer(server, "get_conversation", conversation_id=LONG, offset=offset, max_tokens=9_000)
        seen += [turn["message_id"] for turn in part["messages"]]
        offset = part["next_offset"]

    assert len(seen) == len(set(seen)) == part["message_count"] == 40


def test_what_is_remembered_is_found_at_once_and_stored_once(writing: MemoryServer) -> None:
    first = answer(writing, "remember", content=NOTE, title="Invoices", model="claude")
    again = answer(writing, "remember", content=NOTE, title="Invoices", model="claude")
    found = answer(writing, "search_memory", query="how long are invoices kept?")["results"]

    assert (first["outcome"], first["searchable"]) == ("stored", True)
    assert again["outcome"] == "merged"
    assert again["message_id"] == first["message_id"]
    assert [passage["content"] for passage in found].count(NOTE) == 1
    assert found[0]["said_by"] == "assistant · claude"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_store_serves_the_tools(kind: str, tmp_path: Path) -> None:
    with place(kind, tmp_path / "home") as where:
        components = Components(where.settings())
        server = MemoryServer(components, indexing(components))

        done = answer(server, "remember", content=NOTE, title="Invoices")
        found = answer(server, "search_memory", query="how long are invoices kept?")
        pack = answer(server, "get_context", task="Delete old invoices")
        read = answer(server, "get_conversation", conversation_id=done["conversation_id"])

        assert (done["searchable"], done["note"]) == (True, FOUND)
        assert [passage["content"] for passage in found["results"]] == [NOTE], found["hint"]
        assert NOTE in pack["text"]
        assert [turn["content"] for turn in read["messages"]] == [NOTE]
        assert answer(server, "stats")["passages"] == 1
        components.close()


def test_calls_at_the_same_time_have_their_own_answers(server: MemoryServer) -> None:
    questions = ["why do database connections run out?", "Dutch postcodes", "copy table number 7"] * 5
    found: dict[int, str] = {}

    async def use(client: Client) -> None:
        async def ask(number: int, question: str) -> None:
            result = await client.call_tool("search_memory", {"query": question, "max_results": 1})
            found[number] = (result.structured_content or {})["results"][0]["title"]

        async with anyio.create_task_group() as group:
            for number, question in enumerate(questions):
                group.start_soon(ask, number, question)

    with_client(Client(server), use)

    assert [found[number] for number in range(len(questions))] == ["Pool", "Postcodes", "Long"] * 5


def test_notes_of_one_name_are_one_conversation(writing: MemoryServer) -> None:
    one = answer(writing, "remember", content="The office is in Utrecht.", conversation="facts", said_by="user")
    two = answer(writing, "remember", content="The depot is in Almere.", conversation="facts", said_by="user")

    part = answer(writing, "get_conversation", conversation_id=one["conversation_id"])

    assert one["conversation_id"] == two["conversation_id"]
    assert [turn["content"] for turn in part["messages"]] == ["The office is in Utrecht.", "The depot is in Almere."]


def test_a_live_worker_is_left_to_make_notes_searchable(copied: Place) -> None:
    catalog = open_catalog(copied.settings())
    assert lease.take(catalog, lease.LIVE, lease.new_holder())
    components = Components(copied.settings())

    done = answer(MemoryServer(components, indexing(components)), "remember", content=NOTE)

    components.close()
    catalog.close()
    assert (done["outcome"], done["searchable"]) == ("stored", False)
    assert "live worker" in done["note"]


def test_a_note_is_kept_where_it_cannot_be_made_searchable(copied: Place) -> None:
    away = copied.settings().model_copy(update={"weaviate_url": "http://127.0.0.1:9"})
    components = Components(away)

    done = answer(MemoryServer(components, indexing(components)), "remember", content=NOTE)

    components.close()
    assert (done["outcome"], done["searchable"]) == ("stored", False)
    assert "127.0.0.1:9" in done["note"]


def test_nothing_is_remembered_where_capturing_is_off(copied: Place) -> None:
    components = Components(copied.settings().model_copy(update={"capture_enabled": False}))

    reason = problem(MemoryServer(components, None), "remember", content=NOTE)

    components.close()
    assert "CAPTURE_ENABLED" in reason


def test_the_figures_name_what_one_can_filter_by(server: MemoryServer) -> None:
    found = answer(server, "stats")

    assert (found["conversations"], found["messages"]) == (3, len(SAID))
    assert {count["name"] for count in found["models"]} >= {"gpt-5", "gemini-2.5-pro"}
    assert found["first_day"] == found["last_day"] == "2026-10-05"


def test_another_space_sees_nothing_of_this_one(filled: Place) -> None:
    components = Components(filled.settings().model_copy(update={"space": "elsewhere"}))
    elsewhere = MemoryServer(components, None)

    assert answer(elsewhere, "search_memory", query="connections")["results"] == []
    assert "no conversation" in problem(elsewhere, "get_conversation", conversation_id=POOL)
    assert answer(elsewhere, "stats")["conversations"] == 0
    components.close()


@pytest.mark.parametrize("nothing", ["", " ", None])
def test_an_empty_argument_is_one_that_is_not_given(server: MemoryServer, nothing: str | None) -> None:
    bare = answer(server, "search_memory", query="Dutch postcodes")
    empty = dict.fromkeys(("after", "before", "model", "topic", "conversation_id"), nothing)

    assert answer(server, "search_memory", query="Dutch postcodes", **empty) == bare
    assert answer(server, "get_conversation", conversation_id=POOL, message_id=nothing)["offset"] == 0


def test_what_every_model_has_to_read_is_short(server: MemoryServer) -> None:
    tools = anyio.run(server.list_tools)

    asked = [{"description": tool.description, "parameters": tool.input_schema} for tool in tools]
    assert len(json.dumps(asked)) < 5_000
    assert "title" in tools[-1].input_schema["properties"], "of remember, which is a property and stays"
    assert all("anyOf" not in json.dumps(tool.input_schema) for tool in tools)
    assert not [tool.name for tool in tools if "  " in str(tool.description)]


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("search_memory", {}, "query: Field required"),
        ("search_memory", {"query": " "}, "query: is empty"),
        ("search_memory", {"query": "x" * 9_000}, "query: String should have at most 8000"),
        ("search_memory", {"query": "x", "max_results": 0}, "max_results: "),
        ("search_memory", {"query": "x", "limit": 3}, "knows no argument 'limit'; there are query, max_results"),
        ("search_memory", {"query": "x", "after": "yesterday"}, "after: "),
        ("search_memory", {"query": "x", "after": "2026-02-02", "before": "2026-01-01"}, "is later than before"),
        ("search_memory", {"query": "x", "max_tokens": 10}, "max_tokens: Input should be greater"),
        ("get_context", {"task": ""}, "task: is empty"),
        ("get_context", {"task": "x", "before": "soon"}, "before: "),
        ("get_conversation", {"conversation_id": "pool"}, "is no conversation id"),
        ("get_conversation", {"conversation_id": str(uuid.UUID(int=1))}, "there is no conversation"),
        ("get_conversation", {"conversation_id": POOL, "offset": 99}, "offset 99 is beyond its 4 messages"),
        ("get_conversation", {"conversation_id": POOL, "message_id": "m1"}, "has no message 'm1'"),
        ("remember", {"content": ""}, "content: "),
        ("remember", {"content": "x", "said_by": "system"}, "said_by: Input should be 'user' or 'assistant'"),
        ("forget", {}, "there is no tool 'forget'; there are search_memory"),
    ],
)
def test_a_wrong_call_is_told_what_to_mend(
    server: MemoryServer, name: str, arguments: dict[str, object], told: str
) -> None:
    reason = problem(server, name, **arguments)

    assert told in reason
    assert "pydantic" not in reason
    assert len(reason) < 300


def test_a_memory_that_does_not_answer_is_told_of(copied: Place) -> None:
    away = copied.settings().model_copy(update={"weaviate_url": "http://127.0.0.1:9"})
    components = Components(away)

    reason = problem(MemoryServer(components, None), "search_memory", query="connections")

    components.close()
    assert "127.0.0.1:9" in reason


def test_a_server_leaves_the_logging_of_its_process_alone(filled: Place) -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    components = Components(filled.settings())

    MemoryServer(components, None)

    components.close()
    assert (list(root.handlers), root.level) == before
