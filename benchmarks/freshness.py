"""Seconds from a message whose ingest was answered until a query finds it, while others go on talking.

    python -m benchmarks.freshness [--via live|sensor] [--store embedded|production] [--samples 500] [--load 20]
                                   [--history 2000] [--json]

Starts the API, and the live worker (``--via live``) or Dagster with its daemon (``--via sensor``), on free ports and a
temporary home, as ``make run`` does; ``--store production`` takes databases of its own on the servers of the settings,
and deletes them. ``--history`` messages are in the memory before. Beside the samples, ``--load`` messages a second
are posted, of forty conversations at a time that have twenty messages each. A sample posts one message and, from the
answer of ``/api/ingest`` on, asks ``/api/query/semantic`` until the message is among the hits; so a query's own time
counts. Named limits:

* through the live worker: p50 <= 250 ms, p99 <= 1,000 ms;
* through the sensor alone: p50 <= 8,000 ms (it looks every five seconds, then a run is started);
* ``load errors`` 0: whatever was posted beside was stored.
"""

import argparse
import asyncio
import datetime as dt
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from benchmarks.generate import first_messages, message, sentence, write
from benchmarks.home import Home, fresh_home
from benchmarks.http_load import Load, percentile, post_at_rate
from benchmarks.production import own_databases
from benchmarks.servers import Api, Dagster, Live, Server, stop_on_sigterm

LIMITS_MS = {"live": {"p50": 250.0, "p99": 1_000.0}, "sensor": {"p50": 8_000.0}}
POLL_SECONDS = {"live": 0.01, "sensor": 0.1}
GAP_SECONDS = {"live": 0.5, "sensor": 5.0}
"""At most, between two samples: with the sensor they are to be spread over its interval."""

AT_ONCE = {"live": 1, "sensor": 4}
GIVE_UP_SECONDS = 120
TALKS, TURNS = 40, 20


def posted(conversation: str, number: int, text: str) -> dict[str, Any]:
    """A message that is said now."""
    return {
        "conversation": conversation,
        "id": str(number),
        "timestamp": dt.datetime.now(dt.UTC).isoformat(),
        "role": "assistant" if number % 2 else "user",
        "content": text,
    }


def talking(seed: int = 0) -> Callable[[int], bytes]:
    """The n-th message of forty conversations in turn; after twenty messages others begin."""
    rng = random.Random(seed)

    def body(number: int) -> bytes:
        turn, talk = divmod(number, TALKS)
        generation, place = divmod(turn, TURNS)
        text = message(rng, answers=place % 2 == 1)
        return json.dumps(posted(f"talk-{generation}-{talk}", place, text)).encode()

    return body


@contextmanager
def beside(api: Api, rate: float) -> Iterator[Load]:
    """Post that many messages a second until the end; what happened is in the yielded load afterwards."""
    load, over = Load(), threading.Event()

    def post() -> None:
        port = int(api.url.rsplit(":", 1)[1])
        found = asyncio.run(post_at_rate(port, "/api/ingest", talking(), rate=rate, seconds=86_400, ended=over.is_set))
        load.latencies, load.statuses, load.seconds = found.latencies, found.statuses, found.seconds

    thread = threading.Thread(target=post, name="load")
    if rate:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        if rate:
            thread.join()


def sample(api: Api, number: int, text: str, pause: float) -> float:
    """Milliseconds from the answer to the post of this text until it is found."""
    api.ingest(posted(f"freshness-{number}", 0, text))
    started = time.perf_counter()
    while time.perf_counter() - started < GIVE_UP_SECONDS:
        if any(hit["content"] == text for hit in api.ask(text)):
            return (time.perf_counter() - started) * 1_000
        time.sleep(pause)
    raise RuntimeError(f"not found after {GIVE_UP_SECONDS} seconds: {text}")


def sampled(api: Api, samples: int, via: str) -> list[float]:
    """The milliseconds of so many samples, some of them at a time."""
    rng = random.Random(0)
    texts = [f"{sentence(rng)} Note {number}." for number in range(samples)]
    gaps = [rng.uniform(0, GAP_SECONDS[via]) for _ in texts]

    def one(number: int) -> float:
        time.sleep(gaps[number])
        return sample(api, number, texts[number], POLL_SECONDS[via])

    with ThreadPoolExecutor(AT_ONCE[via]) as pool:
        return list(pool.map(one, range(samples)))


def remember(home: Home, messages: int) -> None:
    """Let a memory have a past."""
    from aethergrid_pipelines.demo import import_files

    file = home.folder / "history.jsonl"
    write(file, first_messages(messages))
    import_files(home.stores, [file])
    file.unlink()
    materialise_all(home.stores, Scope(), run_id="benchmark")


def worker(via: str, home: Home) -> Server:
    """Whatever makes messages searchable."""
    if via == "sensor":
        return Dagster(home.folder, **home.variables)
    live = Live(home.folder, **home.variables)
    live.wait_until_at_work()
    return live


def measure(samples: int, *, via: str, store: str, rate: float, history: int) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    databases: AbstractContextManager[dict[str, str]] = own_databases() if store == "production" else nullcontext({})
    with databases as variables, fresh_home(variables=variables) as home:
        remember(home, history)
        with Api(home.folder, **home.variables) as api, worker(via, home):
            api.wait_for(f"{api.url}/openapi.json")
            # The first one also waits for what a new process loads.
            first = sample(api, -1, "The first message that anybody posts here.", POLL_SECONDS[via])
            with beside(api, rate) as load:
                found = sampled(api, samples, via)
    figures = {"via": via, "store": store, "samples": samples, "load": rate, "first ms": round(first)}
    figures |= {f"p{share}": round(percentile(found, share / 100)) for share in (50, 95, 99)}
    failed = sum(count for status, count in load.statuses.items() if status != 200)
    return {**figures, "max": round(max(found)), "load messages": len(load.latencies), "load errors": failed}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Milliseconds from an answered ingest until a query finds it.")
    parser.add_argument("--via", choices=("live", "sensor"), default="live")
    parser.add_argument("--store", choices=("embedded", "production"), default="embedded")
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--load", type=float, default=20.0, help="messages a second that others post")
    parser.add_argument("--history", type=int, default=2_000, help="messages that are there before")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    stop_on_sigterm()
    figures = measure(options.samples, via=options.via, store=options.store, rate=options.load, history=options.history)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        limit = LIMITS_MS[options.via].get(name)
        print(f"{name:14} {value:<12} {f'<= {limit:,.0f} ms' if limit else ''}".rstrip())


if __name__ == "__main__":
    main()
