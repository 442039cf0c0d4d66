"""Workers and a daemon as child processes, on an instance like that of docker/dagster.celery.yaml."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from aethergrid_pipelines_tests.opened import Place, place
from aethergrid_pipelines_tests.services import service
from benchmarks.celery_instance import celery_instance

AETHERGRID = [sys.executable, "-c", "from aethergrid_pipelines.cli.app import app; app()"]
DAEMON = [
    str(Path(sys.executable).parent / "dagster-daemon"),
    "run",
    "--module-name",
    "aethergrid_pipelines.definitions",
]


class Cluster:
    """Production stores, Dagster's instance on PostgreSQL, and the processes that were started on them."""

    def __init__(self, there: Place, folder: Path, variables: Mapping[str, str]) -> None:
        self.there = there
        self.folder = folder
        self.environment = {**os.environ, **there.variables, **variables}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str]) -> None:
        """Start a process; it and its children are one group, and its log is in the folder."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_worker(self, name: str) -> None:
        """A worker with one process for runs."""
        self.start(name, [*AETHERGRID, "worker", "--name", f"{name}@%h"])

    def end(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process and all its children, and wait until it is gone."""
        process = self.processes.pop(name)
        os.killpg(process.pid, number)
        process.wait(30)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait_for(self, done: Callable[[], bool], *, seconds: float = 150) -> None:
        """Return once it is so; show the logs where it does not come true."""
        deadline = time.monotonic() + seconds
        while not done():
            died = [name for name, process in self.processes.items() if process.poll() is not None]
            if died or time.monotonic() > deadline:
                logs = "\n".join(
                    f"== {file.stem}\n{self.log(file.stem)[-4_000:]}" for file in self.folder.glob("*.log")
                )
                raise AssertionError(f"died: {died}\n{logs}")
            time.sleep(0.02)


@contextmanager
def cluster(folder: Path, **changes: Any) -> Iterator[Cluster]:
    """A cluster without processes yet; ``changes`` take the place of sections of docker/dagster.celery.yaml.

    The environment of the calling process is that of its instance while it lasts.
    """
    redis = {"REDIS_URL": service("REDIS_URL")}
    with ExitStack() as stack:
        there = stack.enter_context(place("production", folder / "home"))
        own = stack.enter_context(celery_instance(folder / "dagster", there.variables | redis, **changes))
        found = Cluster(there, folder, redis | own)
        stack.callback(_end_all, found)
        yield found


def _end_all(found: Cluster) -> None:
    for name in list(found.processes):
        found.end(name, signal.SIGKILL)
