"""``aethergrid worker`` says what it lacks, and whether one is at work."""

from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner

from aethergrid_pipelines.cli.app import app


def test_without_a_broker_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["worker"])
    assert result.exit_code == 1
    assert "REDIS_URL" in result.output


def test_without_an_instance_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    result = CliRunner().invoke(app, ["worker"])
    assert result.exit_code == 1
    assert "DAGSTER_HOME" in result.output


def test_the_check_tells_where_none_is_at_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_url: str) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("VECTOR_COLLECTION", "Nobody")
    result = CliRunner().invoke(app, ["worker", "--check", "--name", "nobody@nowhere"])
    with Redis.from_url(redis_url) as client:
        for key in client.scan_iter(match="aethergrid:celery:Nobody:*"):
            client.delete(key)
    assert result.exit_code == 1
    assert "nobody@nowhere does not answer" in result.output
