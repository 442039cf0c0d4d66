"""What the capturing proxy adds until the first byte of an answer, and what 200 streams at once cost it.

    python -m benchmarks.proxy [--calls 400] [--streams 200] [--json]

Three processes: a model server that streams, ``aethergrid proxy`` on a fresh home, and this one, which asks by turns
directly and through the proxy, on connections that stay open. Then the streams, three rounds of them, all through the
proxy, each compared byte by byte. Named limits:

* ``added p50_ms`` <= 2 and ``added p99_ms`` <= 10: the percentile through the proxy, less that of the direct calls;
* ``streams rss_mb``: the proxy's memory after each round; flat.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from aethergrid_pipelines.settings import load_settings
from benchmarks.home import select_embedded
from benchmarks.http_load import percentile, unused_port, wait_for_port

EVENTS = 40
PAUSE = 0.02
"""Seconds between two events of a stream of the second part."""


async def model_server(port: int) -> None:
    """Answer every request with a stream of :data:`EVENTS` events; slowly, where the request says so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                body = await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                )
                for number in range(EVENTS):
                    writer.write(chunk(number))
                    if b"slowly" in body:
                        await writer.drain()
                        await asyncio.sleep(PAUSE)
                writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
        await server.serve_forever()


def chunk(number: int) -> bytes:
    """One event, as a chunk of a body."""
    said = {"model": "gpt-5", "choices": [{"index": 0, "delta": {"content": f"word {number} " * 8}}]}
    event = b"data: %b\n\n" % json.dumps(said).encode()
    return b"%x\r\n%b\r\n" % (len(event), event)


@contextmanager
def running() -> Iterator[tuple[int, int, psutil.Process]]:
    """The ports of the model server and of the proxy, and the proxy's process."""
    with tempfile.TemporaryDirectory(prefix="aethergrid-benchmark-", dir=Path.home()) as folder:
        select_embedded(Path(folder), load_settings().models_path)
        direct, through = unused_port(), unused_port()
        program = str(Path(sys.executable).with_name("aethergrid"))
        options = ["proxy", "--upstream", f"http://127.0.0.1:{direct}", "--port", str(through)]
        quiet = {**os.environ, "LOG_LEVEL": "WARNING"}
        with (
            subprocess.Popen([sys.executable, "-m", "benchmarks.proxy", "--serve", str(direct)]) as server,
            subprocess.Popen([program, *options], env=quiet) as proxy,
        ):
            try:
                wait_for_port(direct)
                wait_for_port(through)
                yield direct, through, psutil.Process(proxy.pid)
            finally:
                server.terminate()
                proxy.terminate()


def request(said: str) -> bytes:
    """A chat completion of one message, as it goes over the wire."""
    body = json.dumps({"model": "gpt-5", "stream": True, "messages": [{"role": "user", "content": said}]}).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer none\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def call(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], said: str) -> tuple[float, bytes]:
    """Milliseconds until the first byte of the body, and all of the body."""
    reader, writer = connection
    started = time.perf_counter()
    writer.write(request(said))
    await reader.readuntil(b"\r\n\r\n")
    first = await reader.readline()
    took = (time.perf_counter() - started) * 1_000
    body = b""
    while size := int(first, 16):
        body += (await reader.readexactly(size + 2))[:-2]
        first = await reader.readline()
    await reader.readline()
    return took, body


async def first_bytes(direct: int, through: int, calls: int) -> tuple[list[float], list[float]]:
    """Milliseconds to the first byte, directly and through the proxy, asked by turns."""
    places = [await asyncio.open_connection("127.0.0.1", port) for port in (direct, through)]
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(-20, calls):
        for place, took in zip(places, found, strict=True):
            milliseconds, _ = await call(place, f"question {number}")
            if number >= 0:
                took.append(milliseconds)
            await asyncio.sleep(0.005)
    for _, writer in places:
        writer.close()
    return found


async def many_streams(port: int, streams: int, label: str) -> int:
    """So many streams at once; how many of them had every byte."""
    expected = b"".join(chunk(number).split(b"\r\n", 1)[1][:-2] for number in range(EVENTS)) + b"data: [DONE]\n\n"

    async def one(number: int) -> bool:
        connection = await asyncio.open_connection("127.0.0.1", port)
        _, body = await call(connection, f"slowly, {label} {number}")
        connection[1].close()
        return body == expected

    return sum(await asyncio.gather(*(one(number) for number in range(streams))))


def measure(calls: int, streams: int) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    with running() as (direct, through, process):
        plain, proxied = asyncio.run(first_bytes(direct, through, calls))
        whole, memory = [], [process.memory_info().rss]
        for label in ("a", "b", "c"):
            whole.append(asyncio.run(many_streams(through, streams, label)))
            memory.append(process.memory_info().rss)
    figures: dict[str, Any] = {}
    for share in (50, 99):
        without, with_proxy = percentile(plain, share / 100), percentile(proxied, share / 100)
        figures[f"direct p{share}_ms"] = round(without, 2)
        figures[f"added p{share}_ms"] = round(with_proxy - without, 2)
    figures["streams"] = streams
    figures["streams with every byte"] = whole
    figures["streams rss_mb"] = [round(size / 1024**2, 1) for size in memory]
    return figures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What the capturing proxy costs.")
    parser.add_argument("--calls", type=int, default=400, help="of each kind, until the first byte")
    parser.add_argument("--streams", type=int, default=200, help="at once")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--serve", type=int, help="be the model server on this port")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(model_server(options.serve))
        return
    figures = measure(options.calls, options.streams)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:28}{value!s:>24}")


if __name__ == "__main__":
    main()
