"""``GET /api/adapters``."""

import pytest
from fastapi.testclient import TestClient

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines_tests.adapters.conftest import pointed
from aethergrid_pipelines_tests.adapters.model_server import ModelServer


def test_the_adapters_are_listed_with_their_health(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTER_MODELS", "claude=m,gpt=m,gemini=m")
    with ModelServer([{"id": "m"}]) as server, TestClient(create_app(pointed(monkeypatch, server.url))) as client:
        found = client.get("/api/adapters").json()
        quick = client.get("/api/adapters", params={"health": False}).json()

    listed = {one["name"]: one for one in found["adapters"]}
    assert listed["claude"]["maxContextWindow"] == 200_000
    assert listed["local"]["modelName"] == "m"
    assert {one["health"]["state"] for one in listed.values()} == {"ok"}
    assert listed["gpt"]["health"]["modelThere"]
    assert {one["health"] for one in quick["adapters"]} == {None}
    assert found["refused"] == {}
