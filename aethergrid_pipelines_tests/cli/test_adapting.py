"""``aethergrid adapters``."""

import json

import pytest
from typer.testing import CliRunner, Result

from aethergrid_pipelines.cli.app import app
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.adapters.conftest import pointed
from aethergrid_pipelines_tests.adapters.model_server import ModelServer


def run(*arguments: str) -> Result:
    load_settings.cache_clear()
    return CliRunner().invoke(app, ["adapters", *arguments])


@pytest.fixture
def one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTER_MODELS", "claude=m,gpt=m,gemini=m,local=m")


@pytest.mark.usefixtures("one_model")
def test_each_adapter_is_listed_with_what_it_says_and_its_health(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer([{"id": "m"}]) as server:
        pointed(monkeypatch, server.url)
        as_json, as_table = run("--json"), run()

    listed = {one["name"]: one for one in json.loads(as_json.stdout)["adapters"]}
    assert set(listed) == {"claude", "gemini", "gpt", "local"}
    assert listed["gpt"]["vector_dimensions"] == 1_536
    assert {one["health"]["state"] for one in listed.values()} == {"ok"}
    assert (as_json.exit_code, as_table.exit_code) == (0, 0)
    assert all(name in as_table.stdout for name in listed)


@pytest.mark.usefixtures("one_model")
def test_one_that_is_broken_ends_the_command_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer([{"id": "m"}]) as server:
        pointed(monkeypatch, server.url, key="wrong")
        result = run()

    assert result.exit_code == 1
    assert "ANTHROPIC_API_KEY" in result.stdout


def test_without_health_nothing_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    pointed(monkeypatch, "http://127.0.0.1:9")

    result = run("--no-health", "--json")

    assert result.exit_code == 0
    assert {one["health"] for one in json.loads(result.stdout)["adapters"]} == {None}


def test_what_is_refused_is_told_with_its_reason() -> None:
    folder = load_settings().home_path / "adapters"
    folder.mkdir(parents=True)
    (folder / "broken.py").write_text("ADAPTER = ")

    result = run("--no-health")

    assert result.exit_code == 1
    assert "broken.py: SyntaxError" in result.stdout
