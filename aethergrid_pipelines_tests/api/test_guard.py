"""By which names the API and the MCP server answer where no key is set, and that a key makes names indifferent."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines.settings import Settings, load_settings

READING = ["/api/stats", "/api/conversations/x", "/api/pipeline", "/docs", "/openapi.json", "/mcp", "/nothing"]


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    return load_settings()


@pytest.fixture
def rebound(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """What a page sees whose own name was made to lead here: no foreign origin there."""
    with TestClient(create_app(settings(monkeypatch, ALLOWED_HOSTS="")), base_url="http://attacker.example:8100") as it:
        yield it


@pytest.mark.parametrize("path", READING)
def test_a_page_whose_name_was_made_to_lead_here_reads_nothing(rebound: TestClient, path: str) -> None:
    response = rebound.get(path)

    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert "attacker.example is not known" in response.json()["detail"]
    assert all(name in response.json()["detail"] for name in ("ALLOWED_HOSTS", "API_KEY"))


def test_it_writes_nothing_and_erases_nothing_either(rebound: TestClient) -> None:
    origin = {"Origin": "http://attacker.example:8100"}

    assert rebound.post("/api/ingest", json=[], headers=origin).status_code == 403
    assert rebound.delete("/api/conversations/x", headers=origin).status_code == 403


def test_it_may_know_whether_all_is_well_and_not_why(rebound: TestClient) -> None:
    response = rebound.get("/api/health")

    assert response.status_code in {200, 503}
    assert all(one["reason"] is None for one in response.json()["components"].values())


@pytest.mark.parametrize("name", ["localhost:8100", "127.0.0.1:8100", "[::1]:8100", "memory.lan", "10.1.2.3:8100"])
def test_this_machines_names_and_those_of_the_settings_are_open(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    chosen = settings(monkeypatch, ALLOWED_HOSTS="depot.lan, memory.lan", API_HOST="10.1.2.3")
    with TestClient(create_app(chosen), base_url=f"http://{name}") as client:
        assert client.get("/api/stats").status_code == 200
        # Its own page may ask, too.
        asked = client.post("/api/query/semantic", json={"query": "x"}, headers={"Origin": f"http://{name}"})
        assert asked.status_code == 200


def test_a_key_makes_names_indifferent(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(monkeypatch, API_KEY="a-long-key", ALLOWED_HOSTS="")
    with TestClient(create_app(chosen), base_url="http://api:8100", headers={"X-API-Key": "a-long-key"}) as client:
        assert client.get("/api/stats").status_code == 200
        assert client.get("/api/stats", headers={"X-API-Key": "wrong"}).status_code == 401


def test_names_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, ALLOWED_HOSTS=" a.lan ,b.lan").allowed_host_names == ["a.lan", "b.lan"]
    with pytest.raises(ValueError, match="allowed_hosts"):
        settings(monkeypatch, ALLOWED_HOSTS="http://a.lan")
