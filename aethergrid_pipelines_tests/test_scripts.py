"""The programs that `make run` and CI are made of."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines_tests.scripts import REPOSITORY, load_script

run = load_script("scripts/run.py")
check_demo = load_script(".ci/check_demo.py")

SUMMARY: dict[str, Any] = {
    "assets": dict.fromkeys(check_demo.ASSETS, 3),
    "embedded": 0,
    "upserted": 0,
    "deleted": 0,
    "answers": [{"query": query, "hits": [{"content": "so", "lineage": {"run": "1"}}]} for query in ("why", "who")],
}


def test_a_busy_port_is_named_with_the_variable_that_changes_it() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]

        with pytest.raises(run.Stop, match=rf"Port {port}.*in use.*DAGSTER_PORT={port + 1} make run"):
            run.require_free(port, what="the Dagster UI", variable="DAGSTER_PORT")


def test_a_free_port_is_fine() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    run.require_free(port, what="the API", variable="API_PORT")


def service(code: str, log: Path) -> Any:
    return run.Service("It", [sys.executable, "-c", code], log=log, environment=dict(os.environ))


def test_a_service_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    ended = service("print('no such table'); raise SystemExit(3)", tmp_path / "log")
    ended.process.wait()

    with pytest.raises(run.Stop, match=re.compile("It ended with 3.*no such table", re.DOTALL)):
        ended.require_alive()


def test_stopping_a_service_stops_its_children_too(tmp_path: Path) -> None:
    child = "import subprocess, sys; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); p.wait()"
    started = service(child, tmp_path / "log")
    while not (tmp_path / "log").read_text():
        time.sleep(0.01)
    pid = int((tmp_path / "log").read_text())

    started.ask_to_stop()
    started.stop(time.monotonic() + 20)

    assert started.process.returncode != 0
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        time.sleep(0.01)


def test_a_service_that_does_not_stop_is_ended(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    )
    started = service(stubborn, tmp_path / "log")
    while not (tmp_path / "log").read_text():
        time.sleep(0.01)

    started.ask_to_stop()
    started.stop(time.monotonic())

    assert started.process.returncode == -9


def test_two_good_runs_of_the_demo_have_no_fault() -> None:
    assert check_demo.faults(SUMMARY | {"embedded": 9, "upserted": 9}, SUMMARY) == []


@pytest.mark.parametrize(
    ("first", "second", "fault"),
    [
        ({"assets": {}}, {}, "no raw_conversations"),
        ({"answers": SUMMARY["answers"][:1]}, {}, "fewer than two questions"),
        ({"answers": [{"query": "why", "hits": []}, *SUMMARY["answers"]]}, {}, "for: why"),
        ({"answers": [{"query": "why", "hits": [{"content": " ", "lineage": {"run": "1"}}]}]}, {}, "for: why"),
        ({"answers": [{"query": "why", "hits": [{"content": "so", "lineage": {}}]}]}, {}, "for: why"),
        ({}, {"embedded": 1}, "embedded 1"),
        ({}, {"upserted": 1}, "upserted 1"),
        ({}, {"deleted": 1}, "deleted 1"),
        ({}, {"answers": []}, "best hits are others"),
    ],
)
def test_a_fault_of_the_demo_is_named(first: dict[str, Any], second: dict[str, Any], fault: str) -> None:
    assert any(fault in found for found in check_demo.faults(SUMMARY | first, SUMMARY | second))


def test_a_demo_without_a_summary_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("materialising…\n")

    with pytest.raises(SystemExit, match="not JSON"):
        check_demo.last_line(str(tmp_path / "out"))


def test_servers_that_do_not_run_have_no_address(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nothing = str(free.getsockname()[1])
    ports = {f"SERVICES_{name}_PORT": nothing for name in ("POSTGRES", "REDIS", "WEAVIATE", "MONGODB")}

    printed = subprocess.run(
        [REPOSITORY / "scripts/services", "env"],
        env={**os.environ, **ports, "SERVICES_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert printed.stdout == ""


def test_a_service_that_nobody_knows_is_refused() -> None:
    refused = subprocess.run(
        [REPOSITORY / "scripts/services", "start", "oracle"], capture_output=True, text=True, check=False
    )

    assert refused.returncode == 2
    assert "oracle" in refused.stderr
