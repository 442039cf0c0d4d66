"""Requests at a fixed rate over keep-alive connections, with as little work of its own as HTTP/1.1 allows.

The load is open: requests begin when their time has come, whether earlier ones were answered or not, and latencies
count from that time, so that a server that stalls cannot hide it.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What happened: milliseconds of each answer, and how many answers had which status."""

    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0


async def post_at_rate(
    port: int,
    path: str,
    body: Callable[[int], bytes],
    *,
    rate: float,
    seconds: float,
    connections: int = 64,
    ended: Callable[[], bool] = lambda: False,
) -> Load:
    """POST ``body(0)``, ``body(1)``, … as JSON at ``rate`` requests a second, over at most so many
    connections; no further one once ``ended`` says so. Raises ``OSError``."""
    load = Load()
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    turn = asyncio.Semaphore(connections)
    began = time.perf_counter()

    async def one(number: int) -> None:
        sent = body(number)
        async with turn:
            while free and free[-1][0].at_eof():
                # It was idle for longer than the server keeps it.
                free.pop()[1].close()
            reader, writer = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
            writer.write(_head(path, sent) + sent)
            status = await _answered(reader)
            free.append((reader, writer))
        load.latencies.append((time.perf_counter() - began - number / rate) * 1_000)
        load.statuses[status] = load.statuses.get(status, 0) + 1

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            if (early := began + number / rate - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            if ended():
                break
            group.create_task(one(number))
    load.seconds = time.perf_counter() - began
    for _, writer in free:
        writer.close()
    return load


async def post_by_users(port: int, path: str, body: Callable[[int], bytes], *, users: int, each: int) -> Load:
    """So many users at once, each on a connection of its own: ``each`` requests one after another, of ``body(0)``,
    ``body(1)``, …. A connection that breaks counts as status 0 and ends its user."""
    load = Load()
    began = time.perf_counter()

    async def user(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in range(each):
            sent = body(number * each + turn)
            started = time.perf_counter()
            writer.write(_head(path, sent) + sent)
            try:
                status = await _answered(reader)
            except (OSError, EOFError):
                load.statuses[0] = load.statuses.get(0, 0) + 1
                break
            load.latencies.append((time.perf_counter() - started) * 1_000)
            load.statuses[status] = load.statuses.get(status, 0) + 1
        writer.close()

    async with asyncio.TaskGroup() as group:
        for number in range(users):
            group.create_task(user(number))
    load.seconds = time.perf_counter() - began
    return load


def _head(path: str, sent: bytes) -> bytes:
    fields = ("host: 127.0.0.1", "content-type: application/json", f"content-length: {len(sent)}")
    return "\r\n".join((f"POST {path} HTTP/1.1", *fields, "", "")).encode()


async def _answered(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
    await reader.readexactly(int(length))
    return int(head[9:12])


def percentile(values: list[float], share: float) -> float:
    """The smallest value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def unused_port() -> int:
    """A port on which nothing listened a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, seconds: float = 60.0) -> None:
    """Return as soon as something listens there. Raises ``TimeoutError``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")
