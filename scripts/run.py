"""``make run``: Dagster's UI and daemon and the API together, on the stores that the settings select.

Loads the sample conversations (unless ``AETHERGRID_SAMPLES=0``), prints the addresses and a first answer, and stays
until Ctrl-C, which stops everything. Ports: ``DAGSTER_PORT`` (3000) and ``API_PORT`` (8100).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from dagster_home import REPOSITORY, dagster_home
from filelock import FileLock, Timeout
from rich.console import Console

from aethergrid_pipelines.settings import load_settings

READY_SECONDS = 180
STOP_SECONDS = 20

console = Console(highlight=False, soft_wrap=True)


class Stop(Exception):
    """Something that ends ``make run``; the message is for the person in front of it."""


def end_of(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


class Service:
    """A child process in a session of its own, so that Ctrl-C reaches it through :meth:`stop` and only once."""

    def __init__(self, name: str, command: Sequence[str | Path], *, log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 (the commands are those of serve)
                [str(part) for part in command],
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def require_alive(self) -> None:
        """Raise :class:`Stop`, with the end of the log, where the process has ended."""
        if self.process.poll() is not None:
            raise Stop(f"{self.name} ended with {self.process.returncode}. The end of {self.log}:\n{end_of(self.log)}")

    def ask_to_stop(self) -> None:
        """Pass Ctrl-C on to the process and its children."""
        self._signal(signal.SIGINT)

    def stop(self, deadline: float) -> None:
        """Wait until the process has ended; end it, and whatever it left behind, where that takes too long."""
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            console.print(f"{self.name} does not stop by itself: ending it")
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


def require_free(port: int, *, what: str, variable: str) -> None:
    """Raise :class:`Stop` where something listens on ``port`` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Stop(
                f"Port {port}, for {what}, is in use. Stop what listens there (`ss -ltnp sport = :{port}` names it), "
                f"or take another: {variable}={port + 1} make run"
            ) from error


def fail_orphaned_runs(home: Path) -> int:
    """Mark runs as failed whose process died with an earlier ``make run``; Dagster then starts them again.

    Only runs that the daemon had started are meant: no daemon is alive when this is called.
    """
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    from aethergrid_pipelines.automation.run_launcher import PROCESS_TAG

    active = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    with DagsterInstance.from_config(str(home)) as instance:
        orphans = [run for run in instance.get_runs(filters=RunsFilter(statuses=active)) if PROCESS_TAG in run.tags]
        for run in orphans:
            instance.report_run_failed(run, "The process of this run died with the daemon that had started it.")
    return len(orphans)


def wait_for(url: str, services: Sequence[Service]) -> None:
    """Return once ``url`` answers, whatever it says; raise :class:`Stop` where a service dies or time runs out."""
    deadline = time.monotonic() + READY_SECONDS
    with httpx.Client(timeout=5) as client:
        while time.monotonic() < deadline:
            for service in services:
                service.require_alive()
            try:
                client.get(url)
            except httpx.TransportError:
                time.sleep(0.3)
            else:
                return
    raise Stop(f"{url} does not answer after {READY_SECONDS} s; see {services[0].log}")


def load_samples(environment: dict[str, str], log: Path) -> str:
    """Import and materialise the sample conversations; the first question that they answer.

    The work is that of ``make demo``, whose last line says what it asked.
    """
    with log.open("ab") as output:
        finished = subprocess.run(
            [sys.executable, "-m", "aethergrid_pipelines.demo"],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            check=False,
        )
    if finished.returncode != 0:
        raise Stop(f"The sample conversations could not be loaded. The end of {log}:\n{end_of(log)}")
    summary: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    # The live worker may have been faster, so what is there counts and not what this process did.
    assets = summary["assets"]
    console.print(
        f"Sample conversations: {assets['raw_conversations']} conversations in {assets['weaviate_fragments']} "
        f"searchable fragments, {summary['seconds']:.1f} s"
    )
    return str(summary["answers"][0]["query"])


def first_answer(api: str, question: str) -> None:
    """Ask the API and print the best hit."""
    key = load_settings().api_key
    headers = {} if key is None else {"X-API-Key": key.get_secret_value()}
    try:
        answer = httpx.post(
            f"{api}/api/query/semantic", json={"query": question, "maxResults": 1}, headers=headers, timeout=60
        ).raise_for_status()
    except httpx.HTTPError as error:
        raise Stop(f"The first query failed: {error}") from error
    console.print(f"\n[bold]{question}[/bold]")
    for hit in answer.json()["results"]:
        lineage = hit["lineage"]
        who, where = lineage["sourceModel"] or lineage["role"], lineage["originPath"]
        console.print(f"  {hit['similarity']:.2f}  {' '.join(hit['content'].split())[:400]}", markup=False)
        said = f"{who}, {lineage['timestamp'][:10]}, {where}:{lineage['originLine'] or ''}".rstrip(":")
        console.print(f"        {said}", markup=False, style="dim")
        console.print(f"        conversation {lineage['conversationId']}", markup=False, style="dim")


def interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def stop_all(services: Sequence[Service]) -> None:
    """Stop the services; a second Ctrl-C while they do has no effect, they are given :data:`STOP_SECONDS`."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for service in services:
        service.ask_to_stop()
    deadline = time.monotonic() + STOP_SECONDS
    for service in services:
        service.stop(deadline)


def serve(services: list[Service], home: Path) -> None:
    """Start everything, and return never: Ctrl-C and SIGTERM raise ``KeyboardInterrupt``."""
    settings = load_settings()
    ui_port = int(os.environ.get("DAGSTER_PORT", "3000"))
    require_free(ui_port, what="the Dagster UI", variable="DAGSTER_PORT")
    require_free(settings.api_port, what="the API", variable="API_PORT")

    dagster = dagster_home()
    if orphans := fail_orphaned_runs(dagster):
        console.print(f"{orphans} unfinished runs of an earlier start will be run again")
    logs = home / "logs"
    logs.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "AETHERGRID_HOME": str(home),
        "DAGSTER_HOME": str(dagster),
        "DAGSTER_URL": os.environ.get("DAGSTER_URL") or f"http://127.0.0.1:{ui_port}",
        "GX_ANALYTICS_ENABLED": "false",
        "PYTHONUNBUFFERED": "1",
    }
    programs = Path(sys.executable).parent
    ui_command: list[str | Path] = [programs / "dagster", "dev", "--workspace", "workspace.yaml", "--host", "127.0.0.1"]
    console.print("Starting …")
    api_service = Service("The API", [programs / "aethergrid", "serve"], log=logs / "api.log", environment=environment)
    services.append(api_service)
    services.append(
        Service("Dagster", [*ui_command, "--port", str(ui_port)], log=logs / "dagster.log", environment=environment)
    )
    services.append(
        Service("The live worker", [programs / "aethergrid", "live"], log=logs / "live.log", environment=environment)
    )
    api_host = "127.0.0.1" if settings.api_host in {"0.0.0.0", "::"} else settings.api_host  # noqa: S104
    api, ui = f"http://{api_host}:{settings.api_port}", f"http://127.0.0.1:{ui_port}"
    wait_for(f"{ui}/server_info", services)
    wait_for(f"{api}/api/health", services)
    if os.environ.get("AETHERGRID_SAMPLES") != "0":
        console.print(f"Loading the sample conversations; watch them at {ui}/assets …")
        first_answer(api, load_samples(environment, logs / "samples.log"))
    console.print(
        f"\n  search       {api}/\n  Dagster UI   {ui}/assets\n  API          {api}/docs\n"
        f"  logs         {logs}\n  memory       {home}\n\n"
        "Ctrl-C stops everything."
    )
    while True:
        for service in services:
            service.require_alive()
        time.sleep(1)


def main() -> int:
    home = load_settings().home_path
    home.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    services: list[Service] = []
    try:
        with FileLock(home / "run.lock", timeout=0):
            try:
                serve(services, home)
            finally:
                stop_all(services)
    except Timeout:
        console.print(f"`make run` is running already on {home}. Stop it there with Ctrl-C, or set AETHERGRID_HOME.")
        return 1
    except Stop as reason:
        console.print(str(reason), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
