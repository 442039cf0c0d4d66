"""Many who ask at once: 200 queries a second for a minute, 100 users, and where it ends.

    python -m benchmarks.load [--fragments 20000] [--store lancedb|weaviate] [--rate 200] [--seconds 60] [--json]

The API runs in a process of its own, the load comes from this one on the same machine. Questions repeat as they do
where a team asks: the n-th most frequent of ``--distinct`` ones is asked 1/n as often as the first (Zipf), and each
load has questions of its own. So some come from the cache and the others are searched for; ``hit ratio`` says how many.
Named limits, of the same run:

* ``errors`` 0 at the rate that is asked for, which is an open load: latencies count from when a request was due;
* ``users failed`` 0 of 100 that ask at once, one question after another;
* ``ceiling``: the highest rate of those tried (twice or half the one before, ten seconds each, with questions that are
  new to the cache) at which no request fails and the p99 stays below a second. ``bound by`` names what was used up
  beyond it: the API's process (``api cores``, of those this machine has) or the load itself.
"""

import argparse
import asyncio
import itertools
import json
import random
from collections.abc import Callable
from typing import Any

import httpx
import psutil

from benchmarks.filled import filled_home, questions
from benchmarks.http_load import Load, percentile, post_at_rate, post_by_users
from benchmarks.servers import Api, stop_on_sigterm

PATH = "/api/query/semantic"
USERS, EACH = 100, 10
CONNECTIONS = 256
STEP_SECONDS = 10.0
SLOW_MS = 1_000.0
DISTINCT = 1_000


def mix(distinct: int, seed: int) -> Callable[[int], bytes]:
    """The body of the n-th request, for as many as are asked for; the same for the same seed."""
    bodies = [json.dumps({"query": question}).encode() for question in questions(distinct, seed=seed)]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, distinct + 1)))
    drawn = random.Random(seed).choices(bodies, cum_weights=weights, k=1_000_000)
    return lambda number: drawn[number % len(drawn)]


def summary(load: Load) -> dict[str, float]:
    """What a load gave: answers a second, latencies in milliseconds, and how many requests failed."""
    return {
        "answers/s": round(len(load.latencies) / load.seconds, 1),
        "p50": round(percentile(load.latencies, 0.5), 2),
        "p99": round(percentile(load.latencies, 0.99), 2),
        "errors": sum(count for status, count in load.statuses.items() if status != 200),
    }


class Loaded:
    """An API under load."""

    def __init__(self, api: Api, distinct: int) -> None:
        self._api = api
        self._port = int(api.url.rsplit(":", 1)[1])
        self._distinct = distinct
        self._process = psutil.Process(api.process.pid)

    def at_rate(self, rate: float, seconds: float, seed: int) -> dict[str, float]:
        """An open load; with the cores that the API took and the share of look-ups that its cache answered."""
        before, looked = self._process.cpu_times(), self._lookups()
        load = asyncio.run(
            post_at_rate(
                self._port, PATH, mix(self._distinct, seed), rate=rate, seconds=seconds, connections=CONNECTIONS
            )
        )
        after, now = self._process.cpu_times(), self._lookups()
        cores = (after.user + after.system - before.user - before.system) / load.seconds
        hits = (now[1] - looked[1]) / max(1, now[0] - looked[0])
        return {**summary(load), "api cores": round(cores, 2), "hit ratio": round(hits, 3)}

    def users(self) -> dict[str, float]:
        """So many users at once."""
        body = mix(self._distinct, seed=99)
        load = asyncio.run(post_by_users(self._port, PATH, body, users=USERS, each=EACH))
        found = summary(load)
        return {"users p50": found["p50"], "users p99": found["p99"], "users failed": found["errors"]}

    def ceiling(self, first: float) -> dict[str, Any]:
        """Doubles the rate until it is too much, or halves it until it is not; what was used up at the lowest one that
        is too much."""
        rate, found = first, self._step(first)
        if _too_much(found):
            while rate > 1 and _too_much(found):
                beyond, rate = found, rate / 2
                found = self._step(rate)
        else:
            while not _too_much(found):
                best, rate = rate, rate * 2
                found = self._step(rate)
            beyond, rate = found, best
        bound = "api" if beyond["api cores"] > 0.6 * (psutil.cpu_count() or 1) else "load, or other processes"
        return {"ceiling": rate, "bound by": bound, **{f"beyond: {name}": value for name, value in beyond.items()}}

    def _step(self, rate: float) -> dict[str, float]:
        return self.at_rate(rate, STEP_SECONDS, seed=int(1_000 * rate))

    def _lookups(self) -> tuple[int, int]:
        levels = httpx.get(f"{self._api.url}/api/stats", timeout=60).raise_for_status().json()["caches"]
        answers = [level for level in levels if level["cache"] == "answers"]
        return answers[0]["lookups"], sum(level["hits"] for level in answers)


def _too_much(found: dict[str, float]) -> bool:
    return bool(found["errors"]) or found["p99"] > SLOW_MS


def measure(fragments: int, store: str, rate: float, seconds: float, distinct: int) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    with filled_home(fragments, store) as home, Api(home.folder, **home.variables) as api:
        api.first_answer(questions(1, seed=7)[0])
        loaded = Loaded(api, distinct)
        figures: dict[str, Any] = {"store": store, "rate": rate, "seconds": seconds}
        figures |= loaded.at_rate(rate, seconds, seed=1)
        return figures | loaded.users() | loaded.ceiling(rate)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Many who ask at once.")
    parser.add_argument("--fragments", type=int, default=20_000)
    parser.add_argument("--store", choices=("lancedb", "weaviate"), default="lancedb")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--distinct", type=int, default=DISTINCT, help="how many different questions there are")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    stop_on_sigterm()
    figures = measure(options.fragments, options.store, options.rate, options.seconds, options.distinct)
    print(json.dumps(figures) if options.json else "\n".join(f"{name:24} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
