"""The API and Dagster as child processes on free ports, for benchmarks; started as ``make run`` starts them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx

from aethergrid_pipelines.settings import load_settings
from benchmarks.home import SERVERS

REPOSITORY = Path(__file__).resolve().parents[1]
READY_SECONDS = 180
STOP_SECONDS = 20


class Server:
    """A child process on a home. Use it as a context manager; its log is in the home, and shown when it dies."""

    def __init__(self, name: str, home: Path, command: list[str], **variables: str) -> None:
        self.log = home / f"{name}.log"
        environment = {key: value for key, value in os.environ.items() if key not in SERVERS}
        environment |= {
            "AETHERGRID_HOME": str(home),
            "AETHERGRID_MODELS": str(load_settings().models_path),
            **variables,
        }
        self.started = time.perf_counter()
        with self.log.open("ab") as output:
            # In the home, so that no .env of the caller's working directory is read.
            self.process = subprocess.Popen(
                command,
                cwd=home,
                env=environment | variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The whole session: Dagster starts daemon, UI, code server and runs as children.
        self._signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def wait_for(self, url: str) -> None:
        """Return once ``url`` answers; raise ``RuntimeError`` with the log where it does not."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(url, timeout=5).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise RuntimeError(f"{url} does not answer; the log says:\n{self.log.read_text(errors='replace')[-3_000:]}")


class Api(Server):
    """The query service."""

    def __init__(self, home: Path, **variables: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.url, timeout=60)
        application = ["--factory", "aethergrid_pipelines.api.app:create_app"]
        command = [sys.executable, "-m", "uvicorn", *application, "--host", "127.0.0.1", "--port", str(port)]
        super().__init__("api", home, command, **variables)

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The hits of a query."""
        answer = self._client.post("/api/query/semantic", json={"query": query}).raise_for_status()
        hits: list[dict[str, Any]] = answer.json()["results"]
        return hits

    def ingest(self, record: dict[str, Any]) -> None:
        """Post a message."""
        self._client.post("/api/ingest", json=record).raise_for_status()

    def first_answer(self, query: str) -> float:
        """Seconds from the start of the process to the first answer that has hits."""
        while time.perf_counter() - self.started < READY_SECONDS and self.process.poll() is None:
            try:
                if self.ask(query):
                    return time.perf_counter() - self.started
            except httpx.HTTPError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"no answer; the log says:\n{self.log.read_text(errors='replace')[-3_000:]}")

    def resident(self) -> float:
        """Resident memory in MB."""
        told = subprocess.check_output(["ps", "-o", "rss=", "-p", str(self.process.pid)], text=True)
        return int(told) * 1_024 / 1e6


class Dagster(Server):
    """UI, daemon and code location."""

    def __init__(self, home: Path, **variables: str) -> None:
        port = free_port()
        program = str(Path(sys.executable).parent / "dagster")
        workspace = str(REPOSITORY / "workspace.yaml")
        super().__init__(
            "dagster",
            home,
            [program, "dev", "--workspace", workspace, "--host", "127.0.0.1", "--port", str(port)],
            DAGSTER_HOME=str(dagster_instance(home)),
            GX_ANALYTICS_ENABLED="false",
            **variables,
        )
        self.wait_for(f"http://127.0.0.1:{port}/server_info")


class Live(Server):
    """The live worker, which reports to the Dagster instance of the home."""

    def __init__(self, home: Path, **variables: str) -> None:
        program = str(Path(sys.executable).with_name("aethergrid"))
        super().__init__(
            "live", home, [program, "live", "--json"], DAGSTER_HOME=str(dagster_instance(home)), **variables
        )

    def wait_until_at_work(self) -> None:
        """Return once it follows the feed; raise ``RuntimeError`` with the log where it does not."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if "following the change feed" in self.log.read_text(errors="replace"):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the live worker does not start; the log says:\n{self.log.read_text()[-3_000:]}")


def dagster_instance(home: Path) -> Path:
    """Where Dagster keeps what it knows of a home; made with the project's configuration."""
    folder = home / "dagster"
    if not folder.exists():
        folder.mkdir()
        (folder / "dagster.yaml").symlink_to(REPOSITORY / "dagster.yaml")
    return folder


def stop_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does, so that the servers it started end with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
