"""How long it takes until a captured message is durable, and how many a second that holds for.

    python -m benchmarks.ingest [--seconds 20] [--batch 1] [--rates 500,1000,2000] [--json]

The API runs as its own process on a fresh home with the embedded stores. Messages of about a kilobyte are posted to
``/api/ingest`` at a fixed rate; an answer means that they are durable and, where it is 200, stored. Beside it, in the
same run and on the same disk: a kilobyte appended and ``fdatasync``, nothing else. Named limit:

* ``p99_ms`` at 500 messages/s: at most 20;
* ``breaks_at``: the first of the rates at which p99 is above that, or not all messages were answered in time.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from aethergrid_pipelines.settings import load_settings
from benchmarks.home import select_embedded
from benchmarks.http_load import percentile, post_at_rate

LIMIT_MS = 20.0
RATES = (500, 1_000, 2_000, 4_000)
TEXT = "The import takes forty minutes because the index is rebuilt after every batch. " * 12


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, psutil.Process]]:
    """The API on a home; yields its port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    select_embedded(home, load_settings().models_path)
    program = str(Path(sys.executable).with_name("aethergrid"))
    # The log of requests is for people to read, and there are none.
    quiet = {**os.environ, "LOG_LEVEL": "WARNING"}
    with subprocess.Popen([program, "serve", "--port", str(port)], env=quiet) as server:
        try:
            _wait_for(port)
            yield port, psutil.Process(server.pid)
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=30):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError("the API did not become ready")


def bare_sync(folder: Path, times: int = 300) -> list[float]:
    """Milliseconds of ``fdatasync`` after a kilobyte was appended."""
    took = []
    descriptor = os.open(folder / "bare", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    for _ in range(times):
        os.write(descriptor, b"x" * 1_024)
        started = time.perf_counter()
        os.fdatasync(descriptor)
        took.append((time.perf_counter() - started) * 1_000)
    os.close(descriptor)
    return took


def body(name: str, number: int, batch: int) -> bytes:
    """A request of ``batch`` messages, each of them new."""
    records = [
        {
            "conversation": f"{name}-{(number * batch + place) // 50}",
            "id": f"{number}-{place}",
            "timestamp": "2026-10-05T09:30:00Z",
            "role": "user",
            "content": f"{number} {place} {TEXT}",
        }
        for place in range(batch)
    ]
    return json.dumps(records).encode()


def at_rate(api: tuple[int, psutil.Process], messages: int, batch: int, seconds: float) -> dict[str, Any]:
    """The figures of one rate, in messages a second."""
    port, server = api
    before = sum(server.cpu_times()[:2])
    name = f"{messages}-{batch}-{time.time_ns()}"
    path = "/api/ingest"
    load = asyncio.run(
        post_at_rate(port, path, lambda number: body(name, number, batch), rate=messages / batch, seconds=seconds)
    )
    return {
        "messages/s": messages,
        "batch": batch,
        "p50_ms": round(percentile(load.latencies, 0.5), 2),
        "p99_ms": round(percentile(load.latencies, 0.99), 2),
        "answered/s": round(len(load.latencies) * batch / load.seconds, 1),
        "cpu ms/message": round((sum(server.cpu_times()[:2]) - before) / (len(load.latencies) * batch) * 1_000, 2),
        "statuses": load.statuses,
    }


def measure(rates: list[int], batch: int, seconds: float) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    with tempfile.TemporaryDirectory(prefix="aethergrid-benchmark-", dir=Path.home()) as folder:
        home = Path(folder)
        with serving(home) as api:
            # Until the model is loaded, which has nothing to do with capturing.
            at_rate(api, 100, batch, 10)
            syncs = bare_sync(home)
            found = [at_rate(api, rate, batch, seconds) for rate in rates]
            syncs += bare_sync(home)
    broken = [one["messages/s"] for one in found if one["p99_ms"] > LIMIT_MS or set(one["statuses"]) != {200}]
    return {
        "bare fdatasync p50_ms": round(percentile(syncs, 0.5), 2),
        "bare fdatasync p99_ms": round(percentile(syncs, 0.99), 2),
        "rates": found,
        "breaks_at": broken[0] if broken else None,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="How long it takes until a captured message is durable.")
    parser.add_argument("--seconds", type=float, default=20, help="of each rate")
    parser.add_argument("--batch", type=int, default=1, help="messages in a request")
    parser.add_argument("--rates", default=",".join(map(str, RATES)), help="messages a second, ascending")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    figures = measure([int(rate) for rate in options.rates.split(",")], options.batch, options.seconds)
    if options.json:
        print(json.dumps(figures))
        return
    print(f"bare fdatasync: p50 {figures['bare fdatasync p50_ms']} ms, p99 {figures['bare fdatasync p99_ms']} ms")
    for one in figures["rates"]:
        print("   ".join(f"{name} {value}" for name, value in one.items()))
    print(f"breaks at {figures['breaks_at']} messages/s (limit: p99 <= {LIMIT_MS:g} ms at 500)")


if __name__ == "__main__":
    main()
