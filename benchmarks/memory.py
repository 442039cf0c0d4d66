"""Peak memory of the flow's process by the size of the history, and memory and start of the API.

    python -m benchmarks.memory [--messages 10000,100000] [--real 10000] [--json]

Each figure is that of a child process (``ru_maxrss``) with a home of its own: generated messages are imported and go
through the six steps; with ``--dagster`` the same as a Dagster run with its checks. Named limits, of the same run:

* ``growth`` near 1: peak with the stub embedder at the largest size, to that at the smallest;
* ``flow MB`` < 1,000: the highest of all peaks;
* ``API MB`` < 500: resident memory of the API's process after a hundred queries on the real model and its index;
* ``first answer s`` < 5: from the start of that process to its first answered query.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.home import Home

SIZES = (10_000, 100_000)
REAL = 10_000
QUERIES = 100
DAGSTER = 10_000


def peak(messages: int, mode: str) -> float:
    """Peak resident memory in MB of a child that brings in so many messages; ``mode`` is one of :func:`bring_in`."""
    # A child that is started by a large process inherits its peak, so nothing heavy is imported here.
    command = [sys.executable, "-m", "benchmarks.memory", "--child", mode, "--messages", str(messages)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(finished.stdout.splitlines()[-1]))


def bring_in(messages: int, mode: str) -> float:
    """Import and materialise in this process; its peak in MB. ``mode``: ``stub``, ``real`` or ``dagster`` (real)."""
    import resource

    from aethergrid_pipelines.demo import import_files
    from aethergrid_pipelines.flow.engine import materialise_all
    from aethergrid_pipelines.flow.scope import Scope
    from benchmarks.generate import first_messages, write
    from benchmarks.home import fresh_home
    from benchmarks.stub_embedder import StubEmbedder

    with fresh_home(embedder=StubEmbedder() if mode == "stub" else None) as home:
        file = home.folder / "generated.jsonl"
        write(file, first_messages(messages))
        import_files(home.stores, [file])
        if mode == "dagster":
            run_with_dagster(home)
        else:
            materialise_all(home.stores, Scope(), run_id="memory")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 / 1e6


def run_with_dagster(home: "Home") -> None:
    """Materialise all days as runs of an instance on disk."""
    import dagster as dg

    from aethergrid_pipelines.demo import materialise_assets

    os.environ["DAGSTER_HOME"] = str(home.folder / "dagster")
    (home.folder / "dagster").mkdir()
    with dg.DagsterInstance.get() as instance:
        materialise_assets(home.stores, instance)


def api() -> dict[str, float]:
    """Start the API on a home with messages; its memory after many queries, and when it first answered."""
    from benchmarks.servers import Api, stop_on_sigterm

    stop_on_sigterm()
    with tempfile.TemporaryDirectory(prefix="aethergrid-benchmark-") as folder:
        home = Path(folder)
        subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", "--child", "home", "--home", folder, "--messages", "2000"],
            check=True,
        )
        with Api(home) as server:
            seconds = server.first_answer("Which limit was raised?")
            for number in range(QUERIES):
                server.ask(f"Which ticket concerns the memory limit and order {number}?")
            return {"API MB": round(server.resident(), 1), "first answer s": round(seconds, 2)}


def prepare(folder: Path, messages: int) -> None:
    """Fill a home that stays."""
    from aethergrid_pipelines.demo import import_files
    from aethergrid_pipelines.flow.engine import materialise_all
    from aethergrid_pipelines.flow.scope import Scope
    from aethergrid_pipelines.flow.stores import open_stores
    from aethergrid_pipelines.settings import Settings, load_settings
    from benchmarks.generate import first_messages, write
    from benchmarks.home import select_embedded

    select_embedded(folder, load_settings().models_path)
    with open_stores(Settings()) as stores:
        file = folder / "generated.jsonl"
        write(file, first_messages(messages))
        import_files(stores, [file])
        materialise_all(stores, Scope(), run_id="memory")


def measure(sizes: list[int], real: int, dagster: int) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    stub = {f"stub, {messages} messages, MB": round(peak(messages, "stub"), 1) for messages in sizes}
    peaks = dict(stub)
    for mode, messages in (("real", real), ("dagster", dagster)):
        if messages:
            peaks[f"{mode}, {messages} messages, MB"] = round(peak(messages, mode), 1)
    first, *_, last = [*stub.values(), *stub.values()]
    return {**peaks, "growth": round(last / first, 2), "flow MB": max(peaks.values()), **api()}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Peak memory of the flow; memory and start of the API.")
    parser.add_argument("--messages", default=",".join(map(str, SIZES)), help="sizes with the stub embedder, ascending")
    parser.add_argument("--real", type=int, default=REAL, help="messages with the real embedder; 0: none")
    parser.add_argument("--dagster", type=int, default=DAGSTER, help="messages as Dagster runs with checks; 0: none")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = [int(size) for size in options.messages.split(",")]
    if options.child == "home":
        prepare(options.home, sizes[0])
        return
    if options.child:
        print(json.dumps(bring_in(sizes[0], options.child)))
        return
    figures = measure(sizes, options.real, options.dagster)
    limits = {"growth": "near 1", "flow MB": "< 1000", "API MB": "< 500", "first answer s": "< 5"}
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:36} {value:<10} {limits.get(name, '')}".rstrip())


if __name__ == "__main__":
    main()
