"""MongoDB and Weaviate of one test's own, which it may stop and start again; they keep what they hold."""

import os
import random
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aethergrid_pipelines_tests.services import SERVICE_VARIABLES, missing

SCRIPT = Path(__file__).parents[2] / "scripts" / "services"
NAMES = ("mongodb", "weaviate")


class OwnServers:
    """Servers in ``folder``, on free ports; ``variables`` say where they are."""

    def __init__(self, folder: Path) -> None:
        mongo, http, grpc = free_ports()
        self.variables = {
            "MONGODB_URL": f"mongodb://127.0.0.1:{mongo}/?replicaSet=rs0",
            "WEAVIATE_URL": f"http://127.0.0.1:{http}",
            "WEAVIATE_GRPC_PORT": str(grpc),
        }
        self._environment = {name: value for name, value in os.environ.items() if name not in SERVICE_VARIABLES} | {
            "SERVICES_DIR": str(folder),
            "SERVICES_MONGODB_PORT": str(mongo),
            "SERVICES_MONGODB_FILE": str(folder / "mongodb.data"),
            "SERVICES_WEAVIATE_PORT": str(http),
            "SERVICES_WEAVIATE_GRPC_PORT": str(grpc),
            "SERVICES_WEAVIATE_MEMORY": "512MiB",
        }

    def start(self, *names: str) -> str:
        """Start these; what the script said where one of them does not answer then, else nothing."""
        done = self._run("start", *names)
        there = self._run("status", *names).stdout
        return "" if all(f"{name}: ready" in there for name in names) else done.stderr

    def stop(self, *names: str) -> None:
        """Stop these; nothing happens to one that does not run."""
        self._run("stop", *names)

    def _run(self, command: str, *names: str) -> "subprocess.CompletedProcess[str]":
        environment = {**self._environment, "REQUIRE_SERVICES": "0"}
        return subprocess.run(
            [str(SCRIPT), command, *names],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        )


@contextmanager
def own_servers(folder: Path) -> Iterator[OwnServers]:
    """The servers, gone afterwards; a skip where they cannot be had here, a failure where all are required."""
    servers = OwnServers(folder)
    try:
        if reason := servers.start(*NAMES):
            missing(f"no MongoDB and Weaviate of this test's own: {reason}")
        yield servers
    finally:
        servers.stop(*NAMES)


def free_ports() -> tuple[int, int, int]:
    """Three ports; the second is Weaviate's, which takes four more from 10,000 above it."""
    for _ in range(200):
        first = random.randrange(12_000, 20_000, 10)
        wanted = [*range(first, first + 3), *range(first + 10_001, first + 10_005)]
        if all(_free(port) for port in wanted):
            return first, first + 1, first + 2
    raise OSError("no free ports between 12,000 and 30,000")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
