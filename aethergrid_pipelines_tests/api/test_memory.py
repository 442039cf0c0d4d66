"""``/api/v1/memory``: answers by a server that speaks the OpenAI protocol, and the rest over real stores."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import zstandard
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines.api.components import Components
from aethergrid_pipelines.capture.archive import Archive, archive_path
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines_tests.api.conftest import components, materialise, post
from aethergrid_pipelines_tests.api.test_query import POOL, POSTCODES
from aethergrid_pipelines_tests.opened import Place
from aethergrid_pipelines_tests.query.chat_server import ChatServer, Reply

QUESTION = "Why does the checkout service run out of database connections?"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as found:
        yield found


@pytest.fixture
def answering(embedded: Place, server: ChatServer) -> Iterator[TestClient]:
    """A client of an application that holds two conversations and knows a model."""
    given = {"answer_model": "test", "answer_base_url": server.url, "answer_timeout": 20.0}
    with TestClient(create_app(embedded.settings().model_copy(update=given))) as client:
        post(client, POOL, POSTCODES)
        materialise(client)
        yield client


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of an application behind a real socket."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def ask(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/api/v1/memory/query", json={"query": QUESTION, **body})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def events(client: TestClient, **body: Any) -> list[tuple[str, dict[str, Any]]]:
    response = client.post("/api/v1/memory/query", json={"query": QUESTION, "stream": True, **body})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in response.text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def followed(client: TestClient, job_id: str) -> dict[str, Any]:
    """A job when the conversation store has answered, which may take seconds at its first use."""
    ends = time.monotonic() + 60
    while True:
        found: dict[str, Any] = client.get(f"/api/v1/memory/ingest/{job_id}").json()
        if found["status"] != "spooled" or time.monotonic() > ends:
            return found
        time.sleep(0.1)


def test_an_answer_cites_what_can_be_read_again(answering: TestClient) -> None:
    answer = ask(answering)

    assert (answer["answer"], answer["answered"]) == ("It leaks one [1].", True)
    [citation] = answer["citations"]
    assert citation["lineage"][0]["originPath"] == "api"
    conversation = answering.get(f"/api/v1/memory/file/{citation['conversationId']}").json()
    assert citation["lineage"][0]["messageId"] in [message["id"] for message in conversation["messages"]]


def test_an_answer_streams_as_server_sent_events(answering: TestClient) -> None:
    *deltas, (last, answer) = events(answering)

    assert {name for name, _ in deltas} == {"delta"}
    assert "".join(delta["text"] for _, delta in deltas) == answer["answer"] == "It leaks one [1]."
    assert (last, [citation["number"] for citation in answer["citations"]]) == ("answer", [1])


def test_a_citation_that_does_not_exist_is_dropped(answering: TestClient, server: ChatServer) -> None:
    server.always = Reply(pieces=["It leaks [7] one [1]."])

    assert ask(answering)["answer"] == "It leaks one [1]."


def test_what_the_memory_does_not_tell_is_not_known(answering: TestClient, server: ChatServer) -> None:
    server.always = Reply(pieces=["I don't know."])

    answer = ask(answering)

    assert (answer["answer"], answer["reason"], answer["citations"]) == ("I don't know.", "unsupported", [])


def test_what_finds_nothing_asks_no_model(answering: TestClient, server: ChatServer) -> None:
    answer = ask(answering, filters={"sourceModel": "no-such-model"})

    assert (answer["answer"], answer["reason"]) == ("I don't know.", "empty")
    assert events(answering, filters={"sourceModel": "no-such-model"})[0][0] == "answer"
    assert server.requests == []


def test_a_service_that_breaks_off_ends_the_stream_with_a_problem(answering: TestClient, server: ChatServer) -> None:
    server.always = Reply(cut=1)

    [delta, (last, problem)] = events(answering)

    assert delta == ("delta", {"text": "It leaks"})
    assert (last, problem["status"]) == ("error", 503)
    assert "broke off" in problem["detail"]


def test_whoever_stops_listening_ends_the_request_to_the_model(embedded: Place, server: ChatServer) -> None:
    server.always = Reply(pieces=["word " * 1_000] * 200_000)
    given = {"answer_model": "test", "answer_base_url": server.url, "answer_timeout": 200.0}
    app = create_app(embedded.settings().model_copy(update=given))
    with served(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/api/ingest", json=POOL).status_code == 200
        opened: Components = app.state.components
        materialise_all(opened.stores(), Scope(), run_id="test")

        with client.stream("POST", "/api/v1/memory/query", json={"query": QUESTION, "stream": True}) as response:
            next(response.iter_lines())

        assert server.left.wait(60)


@pytest.mark.parametrize(
    ("reply", "stream", "status"),
    [
        (Reply(status=401), False, 502),
        (Reply(status=401), True, 502),
        (Reply(status=404), True, 502),
        (Reply(cut=1), False, 503),
        (Reply(cut=0), True, 503),
    ],
)
def test_a_service_that_fails_is_a_problem_that_says_how(
    answering: TestClient, server: ChatServer, reply: Reply, stream: bool, status: int
) -> None:
    server.always = reply

    response = answering.post("/api/v1/memory/query", json={"query": QUESTION, "stream": stream})

    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert "127.0.0.1" in response.json()["detail"]


def test_a_service_that_is_too_slow_is_a_timeout(embedded: Place, server: ChatServer) -> None:
    server.always = Reply(hang=0)
    given = {"answer_model": "test", "answer_base_url": server.url, "answer_timeout": 0.2}
    with TestClient(create_app(embedded.settings().model_copy(update=given))) as client:
        post(client, POOL)
        materialise(client)

        response = client.post("/api/v1/memory/query", json={"query": QUESTION})

    assert response.status_code == 504
    assert "ANSWER_TIMEOUT" in response.json()["detail"]


def test_what_is_asked_again_is_answered(answering: TestClient, server: ChatServer) -> None:
    server.script += [Reply(status=429), Reply(status=500)]

    assert ask(answering)["answered"]
    assert len(server.requests) == 3


def test_without_a_model_the_settings_are_named(client: TestClient) -> None:
    response = client.post("/api/v1/memory/query", json={"query": QUESTION})

    assert response.status_code == 503
    assert "ANSWER_MODEL" in response.json()["detail"]
    assert "ANSWER_BASE_URL" in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": "x", "maxTokens": 0}, "maxTokens"),
        ({"query": "x", "tokenBudget": -1}, "tokenBudget"),
        ({"query": "x" * 1_000_000}, "query"),
        ({"query": "x", "temperature": 1}, "temperature"),
    ],
)
def test_what_cannot_be_asked_is_a_problem_that_names_the_field(
    answering: TestClient, body: dict[str, Any], field: str
) -> None:
    response = answering.post("/api/v1/memory/query", json=body)

    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_a_key_never_leaves(embedded: Place, server: ChatServer) -> None:
    server.always = Reply(status=401)
    given = {"answer_model": "test", "answer_base_url": server.url, "answer_api_key": SecretStr("sesame")}
    with TestClient(create_app(embedded.settings().model_copy(update=given))) as client:
        post(client, POOL)
        materialise(client)

        response = client.post("/api/v1/memory/query", json={"query": QUESTION})

    assert server.headers[0]["authorization"] == "Bearer sesame"
    assert "sesame" not in response.text


def test_the_search_is_the_same_as_elsewhere(answering: TestClient) -> None:
    asked = {"query": QUESTION, "maxResults": 2, "filters": {"sourceModel": "gpt-5"}}

    here, there = (answering.post(f"/api/{path}", json=asked).json() for path in ("v1/memory/search", "query/semantic"))

    assert here["results"]
    assert here["results"] == there["results"]


def test_what_was_taken_in_is_followed_until_it_is_found(there: Place) -> None:
    with TestClient(create_app(there.settings())) as client:
        taken = client.post("/api/v1/memory/ingest", json=POOL)

        job = taken.json()
        assert (taken.status_code, job["account"]["read"], job["account"]["rejected"]) == (202, 2, 0)
        assert taken.headers["location"] == f"/api/v1/memory/ingest/{job['jobId']}"
        before = followed(client, job["jobId"])
        assert (before["status"], before["waiting"]) == ("stored", job["conversationIds"])
        materialise(client)
        after = followed(client, job["jobId"])
        assert (after["status"], after["waiting"]) == ("searchable", [])
        found = client.post("/api/v1/memory/search", json={"query": QUESTION}).json()["results"]
        assert {hit["lineage"]["conversationId"] for hit in found} == set(job["conversationIds"])


def test_what_cannot_be_taken_in_is_no_job(client: TestClient) -> None:
    refused = client.post("/api/v1/memory/ingest", json={"role": "nobody"})

    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert client.get("/api/v1/memory/ingest/unknown").status_code == 404


def test_a_source_is_given_as_it_was_captured(client: TestClient, tmp_path: Path) -> None:
    [conversation] = post(client, POOL)["conversationIds"]
    without = client.get(f"/api/v1/memory/file/{conversation}", params={"form": "source"})
    transcript = tmp_path / "session.jsonl"
    transcript.write_text('{"as": "written"}\n')
    archive = Archive(archive_path(components(client).settings))
    with archive.locked():
        archive.keep(transcript, "claude-code", [conversation])

    found = client.get(f"/api/v1/memory/file/{conversation}", params={"form": "source"})

    assert without.status_code == 404
    assert "archive" in without.json()["detail"]
    assert (found.status_code, found.text) == (200, '{"as": "written"}\n')
    assert found.headers["content-type"].startswith("application/x-ndjson")


def test_a_source_that_was_compressed_is_given_as_it_was(client: TestClient, tmp_path: Path) -> None:
    [conversation] = post(client, POOL)["conversationIds"]
    transcript = tmp_path / "session.jsonl"
    transcript.write_text('{"as": "written"}\n')
    archive = Archive(archive_path(components(client).settings))
    with archive.locked():
        archive.keep(transcript, "claude-code", [conversation])
    os.utime(transcript, (0, 0))
    transcript.unlink()
    assert archive.compress_old() == 1

    found = client.get(f"/api/v1/memory/file/{conversation}", params={"form": "source"})

    assert found.text == '{"as": "written"}\n'


def test_a_source_that_its_tool_compressed_in_parts_is_given_whole(client: TestClient, tmp_path: Path) -> None:
    [conversation] = post(client, POOL)["conversationIds"]
    transcript = tmp_path / "rollout.jsonl.zst"
    transcript.write_bytes(
        b"".join(zstandard.ZstdCompressor().compress(line) for line in (b'{"n": 1}\n', b'{"n": 2}\n'))
    )
    archive = Archive(archive_path(components(client).settings))
    with archive.locked():
        archive.keep(transcript, "codex", [conversation])

    found = client.get(f"/api/v1/memory/file/{conversation}", params={"form": "source"})

    assert found.text == '{"n": 1}\n{"n": 2}\n'


@pytest.mark.parametrize("id_", ["unknown", "6f1c2f6e-3c0b-5d0a-9d0e-4c7a8c1b7e55", "..%2F..%2Fetc"])
def test_a_file_that_is_not_there_is_not_found(client: TestClient, id_: str) -> None:
    assert client.get(f"/api/v1/memory/file/{id_}", params={"form": "source"}).status_code == 404
