from typing import Any

import pytest
from fastapi.testclient import TestClient

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines_tests.api.conftest import materialise, post
from aethergrid_pipelines_tests.opened import Place

POOL = {
    "id": "pool",
    "model": "gpt-5",
    "title": "Connections",
    "messages": [
        {"role": "user", "content": "Why does the checkout service run out of database connections?"},
        {"role": "assistant", "content": "Each request leaks one connection of the pool when it times out."},
    ],
}
POSTCODES = {
    "conversation": "postcodes",
    "role": "user",
    "content": "Which regular expression matches Dutch postcodes?",
}


def ask(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/api/query/semantic", json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_what_was_sent_is_found_with_its_lineage(there: Place) -> None:
    with TestClient(create_app(there.settings())) as client:
        [conversation, _] = post(client, POOL, POSTCODES)["conversationIds"]
        materialise(client)

        found = ask(client, query="connection pool leak", maxResults=2, returnContext=True)

        assert {hit["lineage"]["conversationId"] for hit in found["results"]} == {conversation}
        assert found["results"][0]["lineage"]["originPath"] == "api"
        assert "Connections" in found["context"]
        assert (
            ask(client, query="connection pool leak", filters={"sourceModel": "gpt-5"})["results"][0]["content"]
            == (
                POOL["messages"][1]["content"]  # type: ignore[index]
            )
        )


def test_what_is_forgotten_is_not_found_any_more(there: Place) -> None:
    with TestClient(create_app(there.settings())) as client:
        [conversation, _] = post(client, POOL, POSTCODES)["conversationIds"]
        materialise(client)

        gone = client.delete(f"/api/conversations/{conversation}")

        assert gone.status_code == 200
        assert set(gone.json()["remains"].values()) == {0}
        found = ask(client, query="connection pool leak", maxResults=100)["results"]
        assert [hit["content"] for hit in found] == [POSTCODES["content"]]
        assert client.delete(f"/api/conversations/{conversation}").status_code == 404
        assert client.get(f"/api/conversations/{conversation}").status_code == 404


def test_an_index_that_is_not_there_gives_an_empty_answer_with_a_hint(client: TestClient) -> None:
    found = ask(client, query="anything")

    assert found["results"] == []
    assert "import" in found["hint"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": "x" * 1_000_000}, "query"),
        ({"query": "x", "maxResults": 0}, "maxResults"),
        ({"query": "x", "maxResults": 1_000}, "maxResults"),
        ({"query": "x", "limit": 3}, "limit"),
        ({"query": "x", "filters": {"colour": "red"}}, "filters.colour"),
        ({"query": "x", "filters": {"after": "2026-10-06", "before": "2026-10-05"}}, "filters"),
    ],
)
def test_what_cannot_be_asked_is_a_problem_that_names_the_field(
    client: TestClient, body: dict[str, Any], field: str
) -> None:
    response = client.post("/api/query/semantic", json=body)

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert len(response.text) < 1_000


def test_an_unknown_field_is_told_what_there_is(client: TestClient) -> None:
    response = client.post("/api/query/semantic", json={"query": "x", "filters": {"colour": "red"}})

    assert "sourceModels" in response.json()["errors"][0]["reason"]


def test_what_is_no_json_is_a_bad_request(client: TestClient) -> None:
    response = client.post("/api/query/semantic", content=b"{", headers={"content-type": "application/json"})

    assert response.status_code == 400
    assert response.json()["title"] == "Bad Request"


def test_an_unknown_embedder_fails_queries_and_nothing_else(monkeypatch: pytest.MonkeyPatch, embedded: Place) -> None:
    monkeypatch.setenv("EMBEDDING_MODEL", "no-such-model")

    with TestClient(create_app(embedded.settings())) as client:
        refused = client.post("/api/query/semantic", json={"query": "x"})
        assert refused.status_code == 503
        assert "no-such-model" in refused.json()["detail"]
        assert post(client, POSTCODES)["account"]["stored"] == 1
        health = client.get("/api/health")
        assert health.status_code == 503
        assert {name: found["status"] for name, found in health.json()["components"].items()} == {
            "conversationStore": "ok",
            "catalog": "ok",
            "vectorStore": "ok",
            "embedder": "down",
        }
