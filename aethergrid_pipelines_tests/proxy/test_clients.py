"""The official clients through the proxy: what they get is what they get without it, and is captured."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from aethergrid_pipelines_tests.proxy.conftest import KEY, Running
from aethergrid_pipelines_tests.proxy.upstream import TEXT, Upstream

Chat = list[dict[str, Any]]
TOOL = {"name": "locate", "parameters": {"type": "object", "properties": {"parcel": {"type": "integer"}}}}


@pytest.fixture
def gpt(proxy: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, base_url=f"{proxy.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(proxy: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=KEY, base_url=proxy.url, max_retries=0) as client:
        yield client


def ask_gpt(client: Any, said: str) -> str:
    answer = client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": said}])
    return str(answer.choices[0].message.content)


def stream_gpt(client: Any, said: str) -> str:
    asked = [{"role": "user", "content": said}]
    with client.chat.completions.create(model="gpt-5", messages=asked, stream=True) as stream:
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def ask_responses(client: Any, said: str) -> str:
    return str(client.responses.create(model="gpt-5", input=said).output_text)


def stream_responses(client: Any, said: str) -> str:
    with client.responses.create(model="gpt-5", input=said, stream=True) as stream:
        return "".join(event.delta for event in stream if event.type == "response.output_text.delta")


def ask_claude(client: Any, said: str) -> str:
    asked = [{"role": "user", "content": said}]
    return str(client.messages.create(model="claude-test", max_tokens=99, messages=asked).content[0].text)


def stream_claude(client: Any, said: str) -> str:
    asked = [{"role": "user", "content": said}]
    with client.messages.stream(model="claude-test", max_tokens=99, messages=asked) as stream:
        return "".join(stream.text_stream)


WAYS = [
    pytest.param("gpt", ask_gpt, id="chat"),
    pytest.param("gpt", stream_gpt, id="chat-streamed"),
    pytest.param("gpt", ask_responses, id="responses"),
    pytest.param("gpt", stream_responses, id="responses-streamed"),
    pytest.param("claude", ask_claude, id="messages"),
    pytest.param("claude", stream_claude, id="messages-streamed"),
]
BROKEN = (httpx.HTTPError, httpx2.HTTPError, openai.APIError, anthropic.APIError)
STREAMS = [WAYS[1], WAYS[3], WAYS[5]]


@pytest.mark.parametrize(("name", "ask"), WAYS)
def test_a_question_and_its_answer_are_captured(
    request: pytest.FixtureRequest, proxy: Running, name: str, ask: Callable[[Any, str], str]
) -> None:
    assert ask(request.getfixturevalue(name), "Why is the import slow?") == TEXT

    [[question, answer]] = proxy.captured()
    assert (question.role, question.content) == ("user", "Why is the import slow?")
    assert (answer.role, answer.content) == ("assistant", TEXT)
    assert answer.model in {"gpt-5", "claude-test"}
    assert "partial" not in answer.metadata


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_calls_and_their_results_are_captured(gpt: openai.OpenAI, proxy: Running, streamed: bool) -> None:
    chat: Chat = [{"role": "user", "content": "tools"}]
    tools = [{"type": "function", "function": TOOL}]
    given: Any = {"model": "gpt-5", "tools": tools}
    if streamed:
        list(gpt.chat.completions.create(messages=chat, stream=True, **given))  # type: ignore[arg-type]
    else:
        gpt.chat.completions.create(messages=chat, **given)  # type: ignore[arg-type]
    function = {"name": "locate", "arguments": '{"parcel": 4711}'}
    chat.append({"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]})
    chat.append({"role": "tool", "tool_call_id": "call_1", "content": "depot Utrecht"})
    gpt.chat.completions.create(messages=chat, **given)  # type: ignore[arg-type]

    [said] = proxy.captured()
    assert [message.role for message in said] == ["user", "assistant", "tool", "assistant"]
    assert said[1].metadata["tool_calls"] == [{"id": "call_1", "name": "locate", "input": {"parcel": 4711}}]
    assert [message.content for message in said] == ["tools", "", "depot Utrecht", TEXT]


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_calls_of_claude_are_captured(claude: anthropic.Anthropic, proxy: Running, streamed: bool) -> None:
    given: Any = {"model": "claude-test", "max_tokens": 99}
    given["tools"] = [{"name": "locate", "input_schema": TOOL["parameters"]}]
    chat: Any = [{"role": "user", "content": "tools"}]
    if streamed:
        with claude.messages.stream(messages=chat, **given) as stream:
            stream.until_done()
    else:
        claude.messages.create(messages=chat, **given)
    use = {"type": "tool_use", "id": "toolu_1", "name": "locate", "input": {"parcel": 4711}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "depot Utrecht"}
    chat += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    claude.messages.create(messages=chat, **given)

    [said] = proxy.captured()
    assert [(message.role, message.content) for message in said] == [
        ("user", "tools"),
        ("assistant", ""),
        ("tool", "depot Utrecht"),
        ("assistant", TEXT),
    ]
    assert said[1].metadata["tool_calls"] == [{"id": "toolu_1", "name": "locate", "input": {"parcel": 4711}}]


def test_a_history_that_is_sent_again_is_stored_once(gpt: openai.OpenAI, proxy: Running) -> None:
    chat: Any = [{"role": "system", "content": "Answer briefly."}]
    for number in range(4):
        chat.append({"role": "user", "content": f"Question {number}"})
        answer = gpt.chat.completions.create(model="gpt-5", messages=chat)
        chat.append({"role": "assistant", "content": answer.choices[0].message.content})
    gpt.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "Something else"}])

    conversations = sorted(proxy.captured(), key=len)
    assert [len(said) for said in conversations] == [2, 9]
    assert [message.content for message in conversations[1]] == [message["content"] for message in chat]


def test_a_conversation_whose_history_the_provider_keeps_goes_on(gpt: openai.OpenAI, proxy: Running) -> None:
    first = gpt.responses.create(model="gpt-5", input="One", instructions="Be brief.")
    gpt.responses.create(model="gpt-5", input="Two", previous_response_id=first.id)

    [said] = proxy.captured()
    assert [message.content for message in said] == ["Be brief.", "One", TEXT, "Two", TEXT]


@pytest.mark.parametrize(("name", "ask"), STREAMS)
def test_an_answer_that_breaks_off_fails_as_without_the_proxy_and_is_kept_as_partial(
    request: pytest.FixtureRequest,
    upstream: Upstream,
    proxy: Running,
    name: str,
    ask: Callable[[Any, str], str],
) -> None:
    client = request.getfixturevalue(name)
    address = f"{upstream.url}/v1" if name == "gpt" else upstream.url
    with pytest.raises(BROKEN) as direct:
        ask(client.with_options(base_url=address), "break")
    with pytest.raises(BROKEN) as through:
        ask(client, "break")

    assert (type(through.value), str(through.value)) == (type(direct.value), str(direct.value))
    [[question, answer]] = proxy.captured()
    assert question.content == "break"
    assert answer.metadata["partial"] is True
    assert TEXT.startswith(answer.content)
    assert 0 < len(answer.content) < len(TEXT)


def test_a_client_that_hangs_up_ends_the_upstreams_work_and_leaves_a_partial_answer(
    gpt: openai.OpenAI, upstream: Upstream, proxy: Running
) -> None:
    asked: Any = [{"role": "user", "content": "linger"}]
    with gpt.chat.completions.create(model="gpt-5", messages=asked, stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content == " is rebuilt":
                break

    assert upstream.hung_up.wait(10)
    [[_, answer]] = proxy.captured()
    assert answer.metadata["partial"] is True


@pytest.mark.parametrize(("name", "ask", "error"), [
    ("gpt", ask_gpt, openai.RateLimitError),
    ("claude", ask_claude, anthropic.RateLimitError),
])  # fmt: skip
def test_an_error_of_the_upstream_reaches_the_client_and_nothing_is_captured(
    request: pytest.FixtureRequest, proxy: Running, name: str, ask: Callable[[Any, str], str], error: type[Exception]
) -> None:
    with pytest.raises(error, match="slow down"):
        ask(request.getfixturevalue(name), "fail")

    assert proxy.captured() == []


def test_what_is_not_captured_passes_through(gpt: openai.OpenAI, proxy: Running) -> None:
    assert [model.id for model in gpt.models.list()] == ["gpt-5"]
    found = gpt.embeddings.create(model="e", input="x", encoding_format="float")

    assert found.data[0].embedding == [0.5, 0.25]
    assert proxy.captured() == []


BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]},
    "/v1/responses": {"model": "gpt-5", "input": "hi"},
    "/v1/messages": {"model": "claude-test", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "/v1/chat/completions?beta=1&x=%20": {"model": "gpt-5", "messages": [{"role": "user", "content": "fail"}]},
}


def headers_of(head: bytes) -> list[bytes]:
    """The request line and what is of the message; the connection to the upstream is the proxy's own."""
    return sorted(line for line in head.lower().splitlines() if not line.startswith(b"connection:"))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("path", BODIES)
def test_every_byte_is_that_of_the_direct_answer(upstream: Upstream, proxy: Running, path: str, streamed: bool) -> None:
    body = {**BODIES[path], "stream": streamed}
    headers = {"authorization": f"Bearer {KEY}", "x-trace": "a b"}
    answers = [httpx.post(f"{place}{path}", json=body, headers=headers) for place in (upstream.url, proxy.url)]

    direct, through = answers
    assert through.status_code == direct.status_code
    assert through.content == direct.content
    assert dict(through.headers) == dict(direct.headers)
    (sent_head, sent_body), (passed_head, passed_body) = upstream.requests
    assert passed_body == sent_body
    assert headers_of(passed_head) == headers_of(sent_head)


def test_a_stream_reaches_the_client_as_it_comes(proxy: Running) -> None:
    body = {**BODIES["/v1/chat/completions"], "stream": True, "messages": [{"role": "user", "content": "linger"}]}
    with (
        closing(httpx.Client()) as client,
        client.stream("POST", f"{proxy.url}/v1/chat/completions", json=body) as stream,
    ):
        # The upstream says no more after this: what is read has not waited for an end.
        assert b"The index" in b"".join(part for part, _ in zip(stream.iter_raw(), range(2), strict=False))


def test_an_upstream_that_is_not_there_is_a_502(upstream: Upstream, gpt: openai.OpenAI) -> None:
    upstream.close()

    with pytest.raises(openai.InternalServerError, match="does not answer"):
        ask_gpt(gpt, "hello?")


def test_a_store_that_is_down_changes_nothing_for_the_client(proxy: Running, gpt: openai.OpenAI) -> None:
    blocked = proxy.settings.home_path / "conversations.db"
    blocked.mkdir()

    assert ask_gpt(gpt, "Is anybody there?") == TEXT
    deadline = time.monotonic() + 20
    while not any(b"anybody" in path.read_bytes() for path in (proxy.settings.home_path / "spool").glob("*.spool")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    blocked.rmdir()
    [said] = proxy.captured()
    assert [message.content for message in said] == ["Is anybody there?", TEXT]


def test_keys_are_nowhere_in_the_home(gpt: openai.OpenAI, claude: anthropic.Anthropic, proxy: Running) -> None:
    ask_gpt(gpt, "hi")
    stream_claude(claude, "hi")
    httpx.post(f"{proxy.url}/v1/chat/completions?key={KEY}", json=BODIES["/v1/chat/completions"])

    def files() -> list[Path]:
        return [path for path in proxy.settings.home_path.rglob("*") if path.is_file()]

    spooled = [path for path in files() if KEY.encode() in path.read_bytes()]
    assert len(proxy.captured()) >= 1
    assert [path for path in files() if KEY.encode() in path.read_bytes()] == spooled == []
