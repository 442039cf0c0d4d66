"""The official client over stdio, over HTTP, and through the API, before a real embedded memory."""

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import uvicorn
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from pydantic import SecretStr
from starlette.types import ASGIApp

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines.mcp_server.remembering import indexing
from aethergrid_pipelines.mcp_server.serving import guarded, http_app, opened
from aethergrid_pipelines_tests.mcp_server.asking import text, with_client
from aethergrid_pipelines_tests.mcp_server.memory import POOL
from aethergrid_pipelines_tests.opened import Place

KEY = "a-key-of-this-test"
PROGRAM = str(Path(sys.executable).with_name("aethergrid"))
TOOLS = {"search_memory", "get_context", "get_conversation", "remember", "stats"}
URI = f"aethergrid://conversation/{POOL}"

Connect = Callable[[], Client]


@contextlib.contextmanager
def listening(app: ASGIApp) -> Iterator[str]:
    """Serve in a thread, on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


@contextlib.asynccontextmanager
async def with_key(url: str) -> AsyncIterator[Any]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}) as client,
        streamable_http_client(url, http_client=client) as streams,
    ):
        yield streams


def over_http(url: str, mode: str = "auto") -> Client:
    return Client(with_key(url), mode=mode)


def over_stdio(where: Place, mode: str = "auto") -> Client:
    parameters = StdioServerParameters(command=PROGRAM, args=["mcp"], env=dict(where.variables))
    return Client(parameters, mode=mode)


@pytest.fixture(params=["stdio", "stdio, as of 2025", "http", "http, as of 2025", "api"])
def connect(request: pytest.FixtureRequest, copied: Place) -> Iterator[Connect]:
    transport, _, older = request.param.partition(", ")
    mode = "legacy" if older else "auto"
    settings = copied.settings().model_copy(update={"api_key": SecretStr(KEY)})
    if transport == "stdio":
        yield lambda: over_stdio(copied, mode)
    elif transport == "http":
        with opened(settings) as components, listening(guarded(http_app(components, None), settings)) as url:
            yield lambda: over_http(url, mode)
    else:
        with listening(create_app(settings)) as url:
            yield lambda: over_http(url, mode)


def test_every_tool_is_listed_and_called(connect: Connect) -> None:
    async def use(client: Client) -> dict[str, Any]:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(listed) == TOOLS
        assert all(tool.description and tool.output_schema for tool in listed.values())
        assert {name for name in TOOLS if listed[name].annotations.read_only_hint} == TOOLS - {"remember"}  # type: ignore[union-attr]
        answers = {
            "search_memory": await client.call_tool("search_memory", {"query": "database connections run out"}),
            "get_context": await client.call_tool("get_context", {"task": "Mend the leak of connections"}),
            "get_conversation": await client.call_tool("get_conversation", {"conversation_id": POOL}),
            "remember": await client.call_tool("remember", {"content": "The depot closes at six."}),
            "stats": await client.call_tool("stats", {}),
        }
        assert not [name for name, result in answers.items() if result.is_error]
        return {name: result.structured_content for name, result in answers.items()}

    found = with_client(connect(), use)

    assert found["search_memory"]["results"][0]["conversation_id"] == POOL
    assert POOL in {source["conversation_id"] for source in found["get_context"]["sources"]}
    assert found["get_conversation"]["message_count"] == 4
    assert found["remember"]["outcome"] == "stored"
    assert found["stats"]["conversations"] >= 3


def test_conversations_are_resources(connect: Connect) -> None:
    async def use(client: Client) -> None:
        listed = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        read = (await client.read_resource(URI)).contents[0]

        assert {str(resource.uri) for resource in listed} >= {URI}
        assert [template.uri_template for template in templates] == ["aethergrid://conversation/{conversation_id}"]
        assert "How do we fix the leak?" in read.text  # type: ignore[union-attr]
        with pytest.raises(MCPError, match="no conversation id"):
            await client.read_resource("aethergrid://conversation/pool")

    with_client(connect(), use)


def test_a_wrong_call_is_an_answer_and_the_next_call_works(connect: Connect) -> None:
    async def use(client: Client) -> None:
        wrong = await client.call_tool("search_memory", {"query": "x", "max_results": 1_000})
        assert wrong.is_error
        assert "max_results" in text(wrong)
        assert not (await client.call_tool("stats", {})).is_error

    with_client(connect(), use)


def test_a_process_of_its_own_makes_notes_searchable(copied: Place) -> None:
    async def use(client: Client) -> dict[str, Any]:
        done = await client.call_tool("remember", {"content": "Our standup is at half past nine."})
        found = await client.call_tool("search_memory", {"query": "when is the standup?", "max_results": 1})
        return {**(done.structured_content or {}), **(found.structured_content or {})}

    both = with_client(over_stdio(copied), use)

    assert both["searchable"]
    assert both["results"][0]["content"] == "Our standup is at half past nine."


def test_nothing_but_the_protocol_goes_to_stdout(copied: Place) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    remember = {"name": "remember", "arguments": {"content": "Stdout is for the protocol."}}
    calls = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        "this is no JSON",
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": remember},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "search_memory", "arguments": {}}},
    ]
    process = subprocess.Popen(
        [PROGRAM, "mcp"],
        env={"PATH": "", "LOG_LEVEL": "DEBUG", **copied.variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    lines: list[str] = []
    for call in calls:
        process.stdin.write((call if isinstance(call, str) else json.dumps(call)) + "\n")
        process.stdin.flush()
        if isinstance(call, dict) and "id" in call:
            lines.append(process.stdout.readline())
    rest, logged = process.communicate(timeout=60)

    answers = [json.loads(line) for line in [*lines, *rest.splitlines()]]
    assert {answer["jsonrpc"] for answer in answers} == {"2.0"}
    assert {1, 2, 3} <= {answer.get("id") for answer in answers}
    assert logged, "at this level there is something to log"
    assert process.returncode == 0


@pytest.mark.parametrize("key", [None, "wrong"])
def test_http_asks_for_the_key(filled: Place, key: str | None) -> None:
    settings = filled.settings().model_copy(update={"api_key": SecretStr(KEY)})
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}

    with opened(settings) as components, listening(guarded(http_app(components, None), settings)) as url:
        response = httpx.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_http_without_a_key_answers_no_strangers_page(filled: Place) -> None:
    settings = filled.settings()

    with opened(settings) as components, listening(guarded(http_app(components, None), settings)) as url:
        page = httpx.post(url, json={}, headers={"Origin": "http://evil.example"})
        rebound = httpx.post(url, json={}, headers={"Host": "evil.example"})

    assert (page.status_code, rebound.status_code) == (403, 403)
    assert "ALLOWED_HOSTS" in rebound.json()["detail"]


def test_the_api_starts_without_the_sdk() -> None:
    code = "import sys, aethergrid_pipelines.api.app as app; app.create_app(); sys.exit('mcp' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


def test_notes_through_http_become_searchable_where_the_process_may_do_that(copied: Place) -> None:
    settings = copied.settings().model_copy(update={"api_key": SecretStr(KEY)})

    async def use(client: Client) -> bool:
        done = await client.call_tool("remember", {"content": "The canteen has soup on Thursdays."})
        return bool((done.structured_content or {})["searchable"])

    with opened(settings) as components:
        app = guarded(http_app(components, indexing(components)), settings)
        with listening(app) as url:
            assert with_client(over_http(url), use)
