"""``aethergrid serve --workers``: several processes answer as one."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from typer.testing import CliRunner

from aethergrid_pipelines.cli.app import app
from aethergrid_pipelines.settings import load_settings

MANY = 40
"""Requests at once, each over a connection of its own, so that every process gets some."""


@pytest.fixture
def served(tmp_path: Path, unused_port: int, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an API of two processes on embedded stores, and on a part of Redis of its own."""
    collection = f"Serving{os.getpid()}"
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("VECTOR_COLLECTION", collection)
    load_settings.cache_clear()
    program = [sys.executable, "-c", "from aethergrid_pipelines.cli.app import app; app()"]
    command = [*program, "serve", "--workers", "2", "--port", str(unused_port)]
    address = f"http://127.0.0.1:{unused_port}"
    log = tmp_path / "log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            wait_for_both(log)
            yield address
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
    with Redis.from_url(redis_url) as client:
        for key in client.scan_iter(match=f"*{collection}*"):
            client.delete(key)


def wait_for_both(log: Path) -> None:
    deadline = time.monotonic() + 120
    while log.read_text().count("Application startup complete") < 2:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    assert len(set(re.findall(r"Started server process \[(\d+)\]", log.read_text()))) == 2


def all_of(address: str, method: str, path: str, **options: Any) -> list[dict[str, Any]]:
    """The answers to the same request, sent many times at once."""

    def once(_: int) -> dict[str, Any]:
        answer = httpx.request(method, address + path, timeout=60, **options)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(once, range(MANY)))


def test_every_process_knows_every_job_and_no_process_keeps_an_old_answer(served: str) -> None:
    question = {"query": "Which pool leaks connections?"}
    before = all_of(served, "POST", "/api/query/semantic", json=question)
    assert [answer["results"] for answer in before] == [[]] * MANY
    record = {
        "conversation": "pool",
        "id": "1",
        "role": "user",
        "content": "The pool of the importer leaks connections.",
    }
    job = httpx.post(f"{served}/api/v1/memory/ingest", json=record, timeout=60).json()["jobId"]
    followed = all_of(served, "GET", f"/api/v1/memory/ingest/{job}")
    assert {answer["status"] for answer in followed} == {"stored"}
    assert CliRunner().invoke(app, ["process"]).exit_code == 0
    after = all_of(served, "POST", "/api/query/semantic", json=question)
    assert [answer["results"][0]["content"] for answer in after] == [record["content"]] * MANY
    assert {answer["status"] for answer in all_of(served, "GET", f"/api/v1/memory/ingest/{job}")} == {"searchable"}


def test_several_processes_need_redis() -> None:
    found = CliRunner().invoke(app, ["serve", "--workers", "2"])
    assert found.exit_code == 2
    assert "REDIS_URL" in found.output
