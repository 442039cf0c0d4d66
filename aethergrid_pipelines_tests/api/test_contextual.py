from typing import Any

import pytest
from fastapi.testclient import TestClient

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines_tests.api.conftest import components, materialise, post
from aethergrid_pipelines_tests.api.test_query import POOL, POSTCODES
from aethergrid_pipelines_tests.opened import Place


def ask(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/api/query/contextual", json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_a_pack_of_what_was_sent(there: Place) -> None:
    with TestClient(create_app(there.settings())) as client:
        # Its first use may take longer than a request waits for it.
        components(client).conversations.ping()
        [conversation, _] = post(client, POOL, POSTCODES)["conversationIds"]
        materialise(client)

        found = ask(client, task="connection pool leak", tokenBudget=60, taskType="debugging")

        assert found["tokens"] <= found["tokenBudget"] == 60
        [item] = [item for item in found["items"] if item["conversationId"] == conversation]
        assert item["models"] == ["gpt-5"]
        assert [one["originPath"] for one in item["lineage"]] == ["api", "api"]
        assert POOL["messages"][1]["content"] in found["text"]  # type: ignore[index]
        nothing = ask(client, task="connection pool leak", tokenBudget=0)
        assert nothing["text"] == ""
        assert {one["reason"] for one in nothing["leftOut"]} == {"budget"}


def test_a_conversation_that_whoever_asks_has_is_left_out(client: TestClient) -> None:
    [conversation, other] = post(client, POOL, POSTCODES)["conversationIds"]
    materialise(client)

    found = ask(client, task="connection pool leak", exceptConversations=[conversation])

    assert {item["conversationId"] for item in found["items"]} == {other}
    assert POOL["messages"][1]["content"] not in found["text"]  # type: ignore[index]


def test_an_empty_index_gives_an_empty_pack_with_a_hint(client: TestClient) -> None:
    found = ask(client, task="anything", tokenBudget=1_000_000)

    assert (found["text"], found["items"]) == ("", [])
    assert "import" in found["hint"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "task"),
        ({"task": ""}, "task"),
        ({"task": "x", "tokenBudget": -1}, "tokenBudget"),
        ({"task": "x", "tokenBudget": "many"}, "tokenBudget"),
        ({"task": "x", "taskType": "knitting"}, "taskType"),
        ({"task": "x", "filters": {"colour": "red"}}, "filters.colour"),
    ],
)
def test_what_cannot_be_asked_is_a_problem_that_names_the_field(
    client: TestClient, body: dict[str, Any], field: str
) -> None:
    response = client.post("/api/query/contextual", json=body)

    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_an_unknown_field_is_told_what_this_route_knows(client: TestClient) -> None:
    response = client.post("/api/query/contextual", json={"task": "x", "budget": 3})

    assert "tokenBudget" in response.json()["errors"][0]["reason"]
