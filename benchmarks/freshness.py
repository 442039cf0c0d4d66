"""Seconds from a message that is posted until a query finds it, with nobody touching Dagster.

    python -m benchmarks.freshness [--samples N] [--json]

Starts the API, and Dagster with its daemon, on free ports and a temporary home, as ``make run`` does. Each sample posts
a message to ``/api/ingest`` at a random moment of the sensor's interval, and asks ``/api/query/semantic`` ten times a
second until the message is among the hits. Named limit: ``p50`` of about ten seconds with the sensor (it looks every
five seconds, then a run is started).
"""

import argparse
import datetime as dt
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.generate import sentence
from benchmarks.servers import Api, Dagster, stop_on_sigterm

SAMPLES = 10
POLL_SECONDS = 0.1
GIVE_UP_SECONDS = 120
INTERVAL_SECONDS = 5
"""The sensor's: samples are to be spread over it."""


def sample(api: Api, number: int, text: str) -> float:
    """Seconds until this text, posted now, is found."""
    record = {
        "conversation": f"freshness-{number}",
        "id": "1",
        "timestamp": dt.datetime.now(dt.UTC).isoformat(),
        "role": "user",
        "content": text,
    }
    started = time.perf_counter()
    api.ingest(record)
    while time.perf_counter() - started < GIVE_UP_SECONDS:
        if any(hit["content"] == text for hit in api.ask(text)):
            return time.perf_counter() - started
        time.sleep(POLL_SECONDS)
    raise RuntimeError(f"not found after {GIVE_UP_SECONDS} seconds: {text}")


def measure(samples: int) -> dict[str, Any]:
    """The figures that ``--json`` prints. The first sample also loads what a new home needs, and stands apart."""
    import numpy as np

    rng = random.Random(0)
    with tempfile.TemporaryDirectory(prefix="aethergrid-benchmark-") as folder:
        home = Path(folder)
        with Api(home) as api, Dagster(home):
            api.wait_for(f"{api.url}/openapi.json")
            seconds = []
            for number in range(samples + 1):
                seconds.append(sample(api, number, f"{sentence(rng)} Note {number}."))
                time.sleep(rng.uniform(0, INTERVAL_SECONDS))
    first, *others = seconds
    return {
        "samples": samples,
        "first": round(first, 2),
        "p50": round(float(np.percentile(others, 50)), 2),
        "p95": round(float(np.percentile(others, 95)), 2),
        "max": round(max(others), 2),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Seconds from a posted message until a query finds it.")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    stop_on_sigterm()
    figures = measure(options.samples)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:10} {value:<10} {'about 10 s' if name == 'p50' else ''}".rstrip())


if __name__ == "__main__":
    main()
