"""What two Celery workers do beside what one does: runs over days of generated conversations, each worker on one core.

    python -m benchmarks.workers [--runs 6] [--days 2] [--json]

Needs the servers of all production stores (`make services`) and two cores. The same conversations are processed twice:
by one worker and by two, each with one process and one thread for the model. Both times begin when every worker has
done a first run, so that what is loaded once is loaded. Everything is in databases of the benchmark's own.

* ``ratio``: conversations a second of two workers to those of one; >= 1.7 where two cores allow it;
* ``bound``: what two cores allow: cores of the machine to cores that are busy with one worker, stores included. They
  work on the same cores here, and what they use is no worker's;
* ``bare``: the same ratio of two processes that do nothing but embed, without stores and Dagster.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from aethergrid_pipelines.automation.jobs import INGEST_JOB
from aethergrid_pipelines.automation.partitions import range_tags
from aethergrid_pipelines.settings import load_settings
from benchmarks.celery_instance import celery_instance
from benchmarks.generate import CONVERSATIONS_A_DAY, START, conversations, first_messages, write
from benchmarks.home import Home, fresh_home
from benchmarks.production import own_databases
from benchmarks.servers import READY_SECONDS, Server

if TYPE_CHECKING:
    import dagster as dg

LIMITS = {"ratio": ">= 1.7", "bound": "", "bare": ""}
EMBEDDING = """
import sys, time
from pathlib import Path
from aethergrid_pipelines.embedders.local import LocalEmbedder
embedder = LocalEmbedder(Path(sys.argv[1]), threads=1)
texts = Path(sys.argv[2]).read_text().split("\\0")
embedder.embed(texts[:32])
print("ready", flush=True)
sys.stdin.readline()
started = time.perf_counter()
embedder.embed(texts)
print(time.perf_counter() - started, flush=True)
"""


def measure(runs: int, days: int) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    if load_settings().postgres_url is None or load_settings().redis_url is None:
        raise SystemExit("POSTGRES_URL and REDIS_URL are not both set: `make services` starts and prints them")
    models = load_settings().models_path
    figures = {workers: _of(workers, runs, days) for workers in (1, 2)}
    alone, together = _embedding(1, models), _embedding(2, models)
    per_second = {workers: found["conversations/s"] for workers, found in figures.items()}
    return {
        "conversations": runs * days * CONVERSATIONS_A_DAY,
        **{f"{name}, {workers}": value for workers, found in figures.items() for name, value in found.items()},
        "ratio": round(per_second[2] / per_second[1], 2),
        "bound": round((os.cpu_count() or 1) / figures[1]["busy cores"], 2),
        "bare": round(2 * alone / together, 2),
    }


def _of(workers: int, runs: int, days: int) -> dict[str, float]:
    """What so many workers do: conversations a second, and how many cores of the machine are busy meanwhile."""
    with _cluster() as (home, variables, instance), ExitStack() as stack:
        # A run of its own for each worker to begin with.
        _fill(home, (runs + workers) * days)
        for number in range(workers):
            command = [str(Path(sys.executable).with_name("aethergrid")), "worker", "--name", f"bench{number}@%h"]
            stack.enter_context(Server(f"worker{number}", home.folder, command, **variables))
        _answering(instance, workers)
        ranges = [_range(number, days) for number in range(runs + workers)]
        _finish(instance, [_launch(instance, *ranges[number]) for number in range(workers)])
        busy, started = _busy(), time.perf_counter()
        _finish(instance, [_launch(instance, *one) for one in ranges[workers:]])
        seconds = time.perf_counter() - started
        return {
            "seconds": round(seconds, 1),
            "conversations/s": round(runs * days * CONVERSATIONS_A_DAY / seconds, 2),
            "busy cores": round((_busy() - busy) / seconds, 2),
        }


@contextmanager
def _cluster() -> "Iterator[tuple[Home, dict[str, str], dg.DagsterInstance]]":
    """A home on production stores, what a worker needs to know of it, and Dagster's instance on PostgreSQL."""
    import dagster as dg

    before = dict(os.environ)
    try:
        with (
            own_databases() as variables,
            fresh_home(variables=variables) as home,
            celery_instance(home.folder / "dagster", variables) as own,
        ):
            os.environ.update(own)
            load_settings.cache_clear()
            with dg.DagsterInstance.get() as instance:
                yield home, {**variables, **own}, instance
    finally:
        os.environ.clear()
        os.environ.update(before)
        load_settings.cache_clear()


def _answering(instance: "dg.DagsterInstance", workers: int) -> None:
    """Wait until so many workers answer."""
    launcher: Any = instance.run_launcher
    deadline = time.monotonic() + READY_SECONDS
    while len(launcher.celery.control.ping(timeout=1.0)) < workers:
        if time.monotonic() > deadline:
            raise RuntimeError(f"fewer than {workers} workers answer after {READY_SECONDS} s")


def _fill(home: Home, days: int) -> None:
    from aethergrid_pipelines.demo import import_files

    file = home.folder / "generated.jsonl"
    write(file, (record for one in islice(conversations(), days * CONVERSATIONS_A_DAY) for record in one))
    import_files(home.stores, [file])


def _range(number: int, days: int) -> tuple[dt.date, dt.date]:
    first = START.date() + dt.timedelta(days=number * days)
    return first, first + dt.timedelta(days=days - 1)


def _launch(instance: "dg.DagsterInstance", first: dt.date, last: dt.date) -> str:
    from dagster._core.definitions.reconstruct import ReconstructableRepository
    from dagster._core.launcher import LaunchRunContext

    repository = ReconstructableRepository.for_module("aethergrid_pipelines.definitions", "defs")
    job = repository.get_reconstructable_job(INGEST_JOB)
    run = instance.create_run_for_job(
        job.get_definition(), tags=range_tags(first, last), job_code_origin=job.get_python_origin()
    )
    instance.run_launcher.launch_run(LaunchRunContext(run, None))
    return run.run_id


def _finish(instance: "dg.DagsterInstance", runs: Sequence[str]) -> None:
    """Wait until all runs have ended; raise ``RuntimeError`` where one failed."""
    import dagster as dg

    while True:
        records = instance.get_runs(dg.RunsFilter(run_ids=list(runs)))
        if any(run.is_failure for run in records):
            raise RuntimeError("a run failed; the workers' logs say why")
        if all(run.is_success for run in records):
            return
        time.sleep(0.1)


def _busy() -> float:
    """Processor seconds of all processes since the machine started."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def _embedding(processes: int, models: Path) -> float:
    """Seconds until so many processes have each embedded the same texts, with one thread each."""
    texts = [record["content"] for record in first_messages(600)]
    with ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "texts"
        file.write_text("\0".join(texts))
        children = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", EMBEDDING, str(models), str(file)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(processes)
        ]
        for child in children:
            assert child.stdout
            child.stdout.readline()
        for child in children:
            assert child.stdin
            child.stdin.write("\n")
            child.stdin.flush()
        return max(float(child.communicate()[0]) for child in children)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What two Celery workers do beside what one does.")
    parser.add_argument("--runs", type=int, default=6, help="runs that are measured")
    parser.add_argument("--days", type=int, default=2, help="days of a run, of forty conversations each")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    figures = measure(options.runs, options.days)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:24} {value:<10} {LIMITS.get(name, '')}".rstrip())


if __name__ == "__main__":
    main()
