"""Health, statistics, conversations, the guard, and what the application loads."""

import base64
import hashlib
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aethergrid_pipelines.api import health
from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines.api.guard import EXTENSION
from aethergrid_pipelines.settings import Settings, load_settings
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines_tests.api.conftest import components, materialise, post
from aethergrid_pipelines_tests.opened import Place
from aethergrid_pipelines_tests.scripts import REPOSITORY

ROUTES = {
    ("/api/query/semantic", "post"),
    ("/api/ingest", "post"),
    ("/api/stats", "get"),
    ("/api/stats/timeline", "get"),
    ("/api/pipeline", "get"),
    ("/api/health", "get"),
    ("/api/adapters", "get"),
    ("/api/query/contextual", "post"),
    ("/api/v1/memory/query", "post"),
    ("/api/v1/memory/search", "post"),
    ("/api/v1/memory/ingest", "post"),
    ("/api/v1/memory/ingest/{job_id}", "get"),
    ("/api/v1/memory/file/{conversation_id}", "get"),
    ("/api/conversations/{conversation_id}", "get"),
    ("/api/conversations/{conversation_id}", "delete"),
}


def test_every_component_that_works_is_told_to_be_well(there: Place) -> None:
    with TestClient(create_app(there.settings())) as client:
        # A busy machine may take longer to open everything than a probe waits.
        attempts = iter(range(20))
        while (response := client.get("/api/health")).status_code != 200 and next(attempts, None) is not None:
            pass

    assert response.status_code == 200, response.text
    assert response.json()["status"] == "ok"
    assert set(response.json()["components"]) == {"conversationStore", "catalog", "vectorStore", "embedder"}
    assert all(found["latencyMs"] >= 0 for found in response.json()["components"].values())


@pytest.mark.parametrize(
    ("variable", "value", "component"),
    [
        ("POSTGRES_URL", "postgresql://nobody:hunter2@127.0.0.1:1/none", "catalog"),
        ("MONGODB_URL", "mongodb://nobody:hunter2@127.0.0.1:1/?replicaSet=rs0", "conversationStore"),
        ("WEAVIATE_URL", "http://127.0.0.1:1", "vectorStore"),
        ("EMBEDDING_MODEL", "no-such-model", "embedder"),
    ],
)
def test_a_component_that_is_down_makes_a_503_that_names_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, component: str
) -> None:
    monkeypatch.setenv(variable, value)

    with TestClient(create_app(load_settings())) as client:
        response = client.get("/api/health")

    assert response.status_code == 503
    down = {name: one for name, one in response.json()["components"].items() if one["status"] == "down"}
    assert list(down) == [component]
    assert down[component]["reason"]
    assert "hunter2" not in response.text


def test_a_component_that_hangs_does_not_hang_the_answer_and_is_not_asked_twice(
    monkeypatch: pytest.MonkeyPatch, client: TestClient
) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.2)
    release = threading.Event()
    asked: list[float] = []

    class Hanging:
        def ping(self) -> None:
            asked.append(time.monotonic())
            release.wait(60)

        def reading(self) -> None:
            raise StoreUnavailable("the catalog does not answer")

        def close(self) -> None:
            """Nothing to close."""

    components(client)._opened["catalog"] = Hanging()
    try:
        answers = [client.get("/api/health") for _ in range(3)]
    finally:
        release.set()

    assert [answer.status_code for answer in answers] == [503] * 3
    assert "no answer" in answers[0].json()["components"]["catalog"]["reason"]
    assert len(asked) == 1


def test_statistics_count_what_there_is(there: Place) -> None:
    with TestClient(create_app(there.settings())) as client:
        empty = client.get("/api/stats").json()
        post(
            client,
            {"conversation": "a", "timestamp": "2026-10-05", "role": "user", "content": "Why is the index slow?"},
            {"conversation": "a", "role": "assistant", "content": "It is rebuilt each night.", "model": "gpt-5"},
            {"conversation": "b", "timestamp": "2026-10-06", "role": "user", "content": "Draft a release note."},
        )
        materialise(client)
        found = client.get("/api/stats").json()
        elsewhere = client.get("/api/stats", params={"space": "elsewhere"}).json()

    assert (empty["conversations"], empty["topics"], empty["sources"]) == (0, [], [])
    assert (found["conversations"], found["messages"]) == (2, 3)
    assert found["chunks"] == found["fragments"] == sum(group["fragments"] for group in found["topics"]) >= 3
    assert {group["name"] for group in found["models"]} == {"none", "gpt-5"}
    assert [(day["day"], day["messages"]) for day in found["days"]] == [("2026-10-05", 2), ("2026-10-06", 1)]
    assert [step["conversations"] for step in found["steps"]] == [2] * 6
    assert all(step["lastProcessedAt"] for step in found["steps"])
    assert (elsewhere["conversations"], elsewhere["topics"], elsewhere["days"]) == (0, [], [])


def test_a_conversation_is_read_in_order_and_in_parts(client: TestClient) -> None:
    turns = [{"role": "user", "content": f"turn {number}"} for number in range(5)]
    [conversation] = post(client, {"id": "c", "title": "Turns", "messages": turns})["conversationIds"]

    found = client.get(f"/api/conversations/{conversation}", params={"offset": 1, "limit": 2}).json()

    assert (found["title"], found["messageCount"]) == ("Turns", 5)
    assert [message["content"] for message in found["messages"]] == ["turn 1", "turn 2"]


@pytest.mark.parametrize("name", ["nobody", "%00", "00000000-0000-0000-0000-000000000000", "a" * 60])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_conversation_is_not_found(client: TestClient, name: str, method: str) -> None:
    response = client.request(method, f"/api/conversations/{name}")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("API_KEY", "a-long-key")
    return load_settings()


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer a-long-key"}, {"authorization": "bearer a-long-key"}, {"X-API-Key": "a-long-key"}],
)
def test_with_the_key_everything_is_open(guarded: Settings, headers: dict[str, str]) -> None:
    with TestClient(create_app(guarded), headers=headers) as client:
        assert client.get("/api/stats").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic a-long-key"}, {"X-API-Key": "a-long-keY"}],
)
@pytest.mark.parametrize("path", ["/api/stats", "/api/conversations/x", "/docs", "/openapi.json", "/nothing"])
def test_without_the_key_everything_but_health_is_closed(guarded: Settings, path: str, headers: dict[str, str]) -> None:
    with TestClient(create_app(guarded), headers=headers) as client:
        response = client.get(path)
        open_to_all = client.get("/api/health")

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert open_to_all.status_code == 200


def test_strangers_are_not_told_why_something_is_down(monkeypatch: pytest.MonkeyPatch, guarded: Settings) -> None:
    monkeypatch.setenv("EMBEDDING_MODEL", "no-such-model")
    load_settings.cache_clear()

    with TestClient(create_app(load_settings())) as client:
        stranger = client.get("/api/health").json()
        friend = client.get("/api/health", headers={"X-API-Key": "a-long-key"}).json()

    assert stranger["components"]["embedder"]["reason"] is None
    assert "no-such-model" in friend["components"]["embedder"]["reason"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://attacker.example", 403),
        ("http://127.0.0.1.attacker.example", 403),
        ("null", 403),
        ("http://localhost:8100", 200),
        ("http://127.0.0.1:8100", 200),
        ("http://[::1]:8100", 200),
    ],
)
def test_without_a_key_pages_of_other_hosts_are_refused(client: TestClient, origin: str, status: int) -> None:
    response = client.post("/api/query/semantic", json={"query": "x"}, headers={"Origin": origin})

    assert response.status_code == status
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    ("origin", "path", "status"),
    [
        (EXTENSION, "/api/ingest", 200),
        (EXTENSION, "/api/query/semantic", 403),
        (EXTENSION, "/api/memory", 403),
        (EXTENSION, "/api/ingest/", 403),
        (f"{EXTENSION}.attacker.example", "/api/ingest", 403),
        (EXTENSION.replace("chrome-extension", "https"), "/api/ingest", 403),
        ("chrome-extension://" + "a" * 32, "/api/ingest", 403),
    ],
)
def test_the_browser_extension_may_add_and_nothing_else(
    client: TestClient, origin: str, path: str, status: int
) -> None:
    response = client.post(path, json=[], headers={"Origin": origin})

    assert response.status_code == status
    assert "access-control-allow-origin" not in response.headers


def test_with_a_key_the_browser_extension_needs_it_too(guarded: Settings) -> None:
    with TestClient(create_app(guarded), headers={"Origin": EXTENSION}) as client:
        without = client.post("/api/ingest", json=[])
        with_key = client.post("/api/ingest", json=[], headers={"X-API-Key": "a-long-key"})

    assert (without.status_code, with_key.status_code) == (401, 200)


def test_the_extension_that_is_allowed_is_the_one_in_this_project() -> None:
    key = base64.b64decode(json.loads((REPOSITORY / "extension/manifest.json").read_text())["key"])
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in hashlib.sha256(key).hexdigest()[:32])

    assert f"chrome-extension://{letters}" == EXTENSION


def test_every_route_is_described_with_examples(client: TestClient) -> None:
    paths: dict[str, Any] = client.get("/openapi.json").json()["paths"]

    assert {(path, method) for path, methods in paths.items() for method in methods} == ROUTES
    for path in (path for path, method in ROUTES if method == "post"):
        assert paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"]


@pytest.mark.parametrize(("path", "method", "status"), [("/api/nothing", "GET", 404), ("/api/stats", "PUT", 405)])
def test_what_there_is_not_is_a_problem(client: TestClient, path: str, method: str, status: int) -> None:
    response = client.request(method, path)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_importing_the_application_loads_neither_dagster_nor_great_expectations_nor_pandas(tmp_path: Path) -> None:
    program = (
        "import sys, aethergrid_pipelines.api.app as app; app.create_app(); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & "
        "{'dagster', 'great_expectations', 'pandas', 'lancedb', 'weaviate', 'pymongo', 'onnx', 'openai'}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert found.stdout.strip() == "[]"
