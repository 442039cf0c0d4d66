"""Remembered context through the proxy: the upstream sees it, the client and the memory of the conversation do not."""

import asyncio
import gzip
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest

from aethergrid_pipelines.proxy.app import Proxy
from aethergrid_pipelines.proxy.instructions import OPENING
from aethergrid_pipelines.proxy.serving import capturing
from aethergrid_pipelines.records.ids import conversation_id
from aethergrid_pipelines.settings import Settings, load_settings
from aethergrid_pipelines_tests.proxy.conftest import KEY, Running, start
from aethergrid_pipelines_tests.proxy.memory_api import MemoryApi, memory_api
from aethergrid_pipelines_tests.proxy.test_clients import BODIES, WAYS, headers_of
from aethergrid_pipelines_tests.proxy.upstream import TEXT, Upstream

HEADER = "X-AetherGrid-Context"
QUESTION = "How do we fix the leak of database connections?"
KNOWN = "Return the connection in a finally block"
CHAT = "/v1/chat/completions"

Configured = Callable[..., Settings]
Start = Callable[..., Running]


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryApi]:
    with memory_api(tmp_path_factory.mktemp("memory") / "home") as found:
        yield found


@pytest.fixture
def configured(memory: MemoryApi, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """These settings, the upstream, and a memory that has time."""
    memory.asked.clear()

    def configured(**variables: str) -> Settings:
        ours = {"PROXY_OPENAI_UPSTREAM": upstream.url, "PROXY_ANTHROPIC_UPSTREAM": upstream.url}
        context = {"PROXY_CONTEXT_URL": memory.url, "PROXY_CONTEXT_TIMEOUT": "60"}
        for name, value in {**ours, **context, **variables}.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        return load_settings()

    return configured


@pytest.fixture
def begin(configured: Configured) -> Iterator[Start]:
    """Starts a proxy with these settings."""
    begun: list[Running] = []

    def begin(**variables: str) -> Running:
        begun.append(start(configured(**variables)))
        return begun[-1]

    yield begin
    for running in begun:
        running.stop()


def client_of(name: str, url: str) -> Any:
    if name == "gpt":
        return openai.OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0, default_headers={HEADER: "600"})
    return anthropic.Anthropic(api_key=KEY, base_url=url, max_retries=0, default_headers={HEADER: "600"})


def instructions(body: bytes) -> str:
    """What the upstream was told beside the conversation."""
    asked = json.loads(body)
    first = asked["messages"][0] if "messages" in asked else {}
    return str(asked.get("system") or asked.get("instructions") or (first.get("role") == "system" and first["content"]))


@pytest.mark.parametrize(("name", "ask"), WAYS)
def test_the_upstream_sees_the_pack_and_the_client_and_the_store_do_not(
    begin: Start, upstream: Upstream, name: str, ask: Callable[[Any, str], str]
) -> None:
    proxy = begin()
    with client_of(name, proxy.url) as client:
        assert ask(client, QUESTION) == TEXT

    [(head, body)] = upstream.requests
    assert instructions(body).startswith(OPENING)
    assert "\ngpt-5: " in instructions(body)
    assert KNOWN in instructions(body)
    assert QUESTION in body.decode().replace(instructions(body), "")
    assert HEADER.lower().encode() not in head.lower()
    assert [[message.content for message in said] for said in proxy.captured()] == [[QUESTION, TEXT]]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("path", list(BODIES)[:3])
def test_the_answer_is_that_of_the_upstream_with_one_header_more(
    begin: Start, upstream: Upstream, path: str, streamed: bool
) -> None:
    proxy = begin(PROXY_CONTEXT_TOKENS="600")
    body = {**BODIES[path], "stream": streamed}
    direct, through = (httpx.post(f"{place}{path}", json=body, timeout=60) for place in (upstream.url, proxy.url))

    added = through.headers.pop(HEADER)
    assert (through.status_code, through.content) == (direct.status_code, direct.content)
    assert dict(through.headers) == dict(direct.headers)
    counts = dict(part.split("=") for part in added.split(", "))
    assert set(counts) == {"tokens", "fragments"}
    assert 0 < int(counts["tokens"]) <= 600
    assert int(counts["fragments"]) > 0
    assert OPENING in upstream.requests[1][1].decode().replace('\\"', '"')


def test_a_conversation_with_another_pack_each_time_stays_one_and_is_not_given_back_to_itself(
    begin: Start, upstream: Upstream, memory: MemoryApi
) -> None:
    proxy = begin()
    chat: Any = [{"role": "system", "content": "Answer briefly."}]
    questions = [QUESTION, "Which regular expression matches Dutch postcodes?", "And which letters fail?"]
    with client_of("gpt", proxy.url) as client:
        for question in questions:
            chat.append({"role": "user", "content": question})
            answer = client.chat.completions.create(model="gpt-5", messages=chat)
            chat.append({"role": "assistant", "content": answer.choices[0].message.content})

    told = [instructions(body) for _, body in upstream.requests]
    assert all(one.startswith("Answer briefly.\n\n" + OPENING) for one in told)
    assert len(set(told)) == 3
    assert [one["task"] for one in memory.asked] == questions
    [said] = proxy.captured()
    assert [message.content for message in said] == [message["content"] for message in chat]
    assert memory.asked[0]["exceptConversations"] == []
    assert memory.asked[2]["exceptConversations"] == [said[0].conversation_id]
    assert said[0].conversation_id == conversation_id("default", "proxy", said[1].native_id)


def untouched(proxy: Running, upstream: Upstream, reason: str | None, **given: Any) -> None:
    """A request passes byte by byte, and its answer says why there is no context."""
    asked: dict[str, Any] = {"json": {"model": "gpt-5", "messages": [{"role": "user", "content": QUESTION}]}, **given}
    direct = httpx.post(f"{upstream.url}{CHAT}", **asked)
    through = httpx.post(f"{proxy.url}{CHAT}", timeout=60, **asked)

    told = through.headers.get(HEADER)
    assert told == (f"tokens=0, fragments=0, reason={reason}" if reason else None)
    assert (through.status_code, through.content) == (direct.status_code, direct.content)
    (sent_head, sent), (passed_head, passed) = upstream.requests[-2:]
    assert passed == sent
    ours = HEADER.lower().encode() + b":"
    assert headers_of(passed_head) == [line for line in headers_of(sent_head) if not line.startswith(ours)]


def test_without_the_option_the_memory_is_not_asked(begin: Start, upstream: Upstream, memory: MemoryApi) -> None:
    untouched(begin(), upstream, None)

    assert memory.asked == []


def test_a_request_may_do_without_what_the_setting_gives_to_all(
    begin: Start, upstream: Upstream, memory: MemoryApi
) -> None:
    untouched(begin(PROXY_CONTEXT_TOKENS="600"), upstream, None, headers={HEADER: "0"})

    assert memory.asked == []


def test_a_memory_that_is_down_changes_nothing(begin: Start, upstream: Upstream) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        proxy = begin(PROXY_CONTEXT_URL=f"http://127.0.0.1:{closed.getsockname()[1]}", PROXY_CONTEXT_TOKENS="600")

        untouched(proxy, upstream, "unavailable")


def test_a_memory_that_is_slow_changes_nothing(begin: Start, upstream: Upstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        proxy = begin(PROXY_CONTEXT_URL=address, PROXY_CONTEXT_TOKENS="600", PROXY_CONTEXT_TIMEOUT="0.2")

        untouched(proxy, upstream, "timeout")


def test_something_else_than_a_memory_changes_nothing(begin: Start, upstream: Upstream) -> None:
    proxy = begin(PROXY_CONTEXT_URL=f"{upstream.url}/no-memory", PROXY_CONTEXT_TOKENS="600")
    asked = {"model": "gpt-5", "messages": [{"role": "user", "content": QUESTION}]}
    answer = httpx.post(f"{proxy.url}{CHAT}", json=asked, timeout=60)

    assert answer.headers[HEADER] == "tokens=0, fragments=0, reason=unavailable"
    assert json.loads(upstream.requests[-1][1]) == asked


@pytest.mark.parametrize(
    ("reason", "given"),
    [
        ("empty", {"headers": {HEADER: "1"}}),
        ("number", {"headers": {HEADER: "many"}}),
        ("number", {"headers": {HEADER: "-1"}}),
        ("origin", {"headers": {HEADER: "600", "Origin": "https://attacker.example"}}),
        ("question", {"headers": {HEADER: "600"}, "json": {"messages": [{"role": "user", "content": [{}]}]}}),
        ("question", {"headers": {HEADER: "600"}, "json": {"messages": [{"role": "user", "content": " "}]}}),
        ("form", {"headers": {HEADER: "600"}, "json": {"input": QUESTION, "messages": []}}),
    ],
)
def test_what_cannot_be_reminded_is_left_alone(
    begin: Start, upstream: Upstream, reason: str, given: dict[str, Any]
) -> None:
    untouched(begin(), upstream, reason, **given)


def test_a_compressed_request_is_left_alone(begin: Start, upstream: Upstream) -> None:
    proxy = begin(PROXY_CONTEXT_TOKENS="600")
    body = gzip.compress(b"{}")
    httpx.post(f"{proxy.url}{CHAT}", content=body, headers={"content-encoding": "gzip"}, timeout=60)

    # It cannot read this either, and answers nothing.
    assert [sent for _, sent in upstream.requests] == [body]


@pytest.mark.parametrize("known", [True, False])
def test_a_request_in_chunks_is_one_request(begin: Start, upstream: Upstream, known: bool) -> None:
    proxy = begin()
    body = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": QUESTION}]}).encode()
    headers = {HEADER: "600" if known else "1"}
    answer = httpx.post(f"{proxy.url}{CHAT}", content=(body[:30], body[30:]), headers=headers, timeout=60)

    [(_, sent)] = upstream.requests
    assert answer.json()["choices"][0]["message"]["content"] == TEXT
    assert KNOWN in instructions(sent) if known else sent == body
    assert [message.content for message in proxy.captured()[0]] == [QUESTION, TEXT]


@pytest.mark.parametrize(
    ("client", "settings", "key", "reason"),
    [
        ("192.168.1.9", {}, "", "key"),
        ("192.168.1.9", {"API_KEY": "a-long-key"}, "", "key"),
        ("192.168.1.9", {"API_KEY": "a-long-key"}, "a-long-keY", "key"),
        ("192.168.1.9", {"API_KEY": "a-long-key"}, "a-long-key", None),
        ("192.168.1.9", {"PROXY_CONTEXT_TOKENS": "600"}, "", None),
        ("192.168.1.9", {"ALLOWED_HOSTS": "192.168.1.9"}, "", None),
        ("127.0.0.1", {"API_KEY": "a-long-key"}, "", None),
        ("::1", {}, "", None),
    ],
)
def test_another_machine_needs_the_key_or_the_setting(
    *,
    configured: Configured,
    upstream: Upstream,
    client: str,
    settings: dict[str, str],
    key: str,
    reason: str | None,
) -> None:
    asked = {"model": "gpt-5", "messages": [{"role": "user", "content": QUESTION}]}
    headers = {HEADER: "600", "X-AetherGrid-Key": key}

    async def ask(proxy: Proxy) -> httpx.Response:
        transport = httpx.ASGITransport(proxy, client=(client, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asking:
            answer = await asking.post(CHAT, json=asked, headers=headers, timeout=60)
        await proxy.aclose()
        return answer

    with capturing(configured(**settings)) as proxy:
        told = asyncio.run(ask(proxy)).headers[HEADER]

    [(head, body)] = upstream.requests
    assert told.endswith(f"reason={reason}") if reason else "reason" not in told
    assert (OPENING in instructions(body)) is (reason is None)
    assert b"x-aethergrid" not in head.lower()


def test_a_page_of_this_machine_is_given_context(begin: Start, upstream: Upstream) -> None:
    asked = {"model": "gpt-5", "messages": [{"role": "user", "content": QUESTION}]}
    headers = {HEADER: "600", "Origin": "http://localhost:3000"}
    httpx.post(f"{begin().url}{CHAT}", json=asked, headers=headers, timeout=60)

    assert KNOWN in instructions(upstream.requests[0][1])


def test_context_is_added_also_where_nothing_is_captured(begin: Start, upstream: Upstream) -> None:
    proxy = begin(CAPTURE_ENABLED="false", PROXY_CONTEXT_TOKENS="600")
    asked = {"model": "gpt-5", "messages": [{"role": "user", "content": QUESTION}]}
    httpx.post(f"{proxy.url}{CHAT}", json=asked, timeout=60)

    assert KNOWN in instructions(upstream.requests[0][1])
    assert proxy.captured() == []


@pytest.mark.parametrize(("host", "status"), [("attacker.example", 403), ("localhost:8110", 200), ("box.lan:1", 200)])
def test_who_asks_by_another_machines_name_is_refused(begin: Start, upstream: Upstream, host: str, status: int) -> None:
    proxy = begin(ALLOWED_HOSTS="box.lan")
    answer = httpx.post(f"{proxy.url}{CHAT}", json=BODIES[CHAT], headers={"Host": host})

    assert answer.status_code == status
    assert len(upstream.requests) == (status == 200)
    assert status == 200 or "ALLOWED_HOSTS" in answer.json()["error"]["message"]
