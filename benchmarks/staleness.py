"""What the flow costs when little or nothing changed, by the size of the history.

    python -m benchmarks.staleness [--messages 1000,10000,100000] [--json]

    python -m benchmarks.staleness --messages 1000000

The embedder is a stub, so that what remains is the flow's own cost. For each size, in a home of its own: messages are
imported and materialised in ten parts, each of later days; the whole history, and one day, are materialised again with
nothing stale; then one message of one conversation in the middle is edited, imported, and the six steps run over its
day, as the sensor asks for. Named limits, over the sizes of the same run:

* ``change_ratio``: seconds of the one change at the largest size, to those at the smallest; near 1;
* ``tenth_ratio``: messages/s of the last tenth, to those of the first, at the largest size; near 1;
* ``tenth_ratio, processor``: the same in messages a processor second, which other work on the machine disturbs less.

Peak memory is that of the process until the end of each tenth, of the largest size.
"""

import argparse
import datetime as dt
import json
import resource
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.generate import Record, conversation, conversations, write
from benchmarks.home import Home, fresh_home
from benchmarks.stub_embedder import StubEmbedder

SIZES = (1_000, 10_000, 100_000)
CHANGES = 5
"""Conversations that are changed, one after another; the median counts."""


@dataclass(frozen=True, slots=True)
class Tenth:
    """What it took to bring a tenth of a history in: messages by the clock's second, and by the processor's; and the
    peak memory of the process until then, in MB."""

    rate: float
    processor_rate: float
    peak: float


def measure_size(messages: int) -> tuple[dict[str, float], list[Tenth]]:
    """Figures of one history, seconds unless named otherwise; and of its tenths."""
    with fresh_home(embedder=StubEmbedder()) as home:
        tenths, last = ingest(home, messages)
        figures = {
            "messages": messages,
            "conversations": last,
            "first tenth messages/s": tenths[0].rate,
            "last tenth messages/s": tenths[-1].rate,
            "nothing stale, all days": repeated(home),
            "nothing stale, one day": repeated(home, last // 2),
        }
        places = [last * (place + 1) // (CHANGES + 1) for place in range(CHANGES)]
        figures["one change"] = statistics.median(change(home, number) for number in places)
    return {name: round(value, 4) for name, value in figures.items()}, tenths


def ingest(home: Home, messages: int) -> tuple[list[Tenth], int]:
    """Import and materialise in ten parts of whole conversations; what each took, and how many conversations."""
    stream, number, tenths = conversations(), 0, []
    for _ in range(10):
        part: list[Record] = []
        while len(part) < messages / 10:
            part += next(stream)
            number += 1
        file = home.folder / "part.jsonl"
        write(file, part)
        started, processor = time.perf_counter(), time.process_time()
        bring_in(home, file)
        seconds, processor = time.perf_counter() - started, time.process_time() - processor
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 / 1e6
        tenths.append(Tenth(round(len(part) / seconds, 1), round(len(part) / processor, 1), round(peak)))
    return tenths, number


def bring_in(home: Home, file: Path) -> None:
    """Import a file and materialise the days that it touches, as the sensor finds them in the change feed."""
    from aethergrid_pipelines.demo import import_files
    from aethergrid_pipelines.flow.engine import materialise_all
    from aethergrid_pipelines.flow.scope import Scope

    cursor = home.stores.conversations.changes(None).cursor
    import_files(home.stores, [file])
    days: set[dt.date] = set()
    while (page := home.stores.conversations.changes(cursor)).changes:
        days.update(found.day for found in page.changes)
        cursor = page.cursor
    if days:
        materialise_all(home.stores, Scope(min(days), max(days)), run_id="staleness")


def repeated(home: Home, number: int | None = None) -> float:
    """Seconds of materialising all days, or that of a conversation, where nothing is stale."""
    from aethergrid_pipelines.flow.engine import materialise_all
    from aethergrid_pipelines.flow.scope import Scope

    scope = Scope()
    if number is not None:
        scope = Scope.day(dt.datetime.fromisoformat(conversation(number)[0]["timestamp"]).date())
    started = time.perf_counter()
    reports = materialise_all(home.stores, scope, run_id="again")
    seconds = time.perf_counter() - started
    if any(report.processed for report in reports):
        raise AssertionError("something was stale")
    return seconds


def change(home: Home, number: int) -> float:
    """Seconds from an edited message in a file to its fragments in the vector store."""
    edited = conversation(number)
    edited[1]["content"] += f" Edited at {time.time_ns()}."
    file = home.folder / "edited.jsonl"
    write(file, edited)
    started = time.perf_counter()
    bring_in(home, file)
    return time.perf_counter() - started


def measure(sizes: list[int]) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    found = [measure_size(messages) for messages in sizes]
    (first, _), (last, tenths) = found[0], found[-1]
    return {
        "sizes": [figures for figures, _ in found],
        "tenths": [asdict(tenth) for tenth in tenths],
        "change_ratio": round(last["one change"] / first["one change"], 2),
        "tenth_ratio": round(tenths[-1].rate / tenths[0].rate, 2),
        "tenth_ratio, processor": round(tenths[-1].processor_rate / tenths[0].processor_rate, 2),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What the flow costs when little or nothing changed.")
    parser.add_argument("--messages", default=",".join(map(str, SIZES)), help="sizes of the history, ascending")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    figures = measure([int(size) for size in options.messages.split(",")])
    if options.json:
        print(json.dumps(figures))
        return
    for name in figures["sizes"][0]:
        print(f"{name:28}" + "".join(f"{size[name]:>12}" for size in figures["sizes"]))
    for number, tenth in enumerate(figures["tenths"], 1):
        rates = f"{tenth['rate']:>9} messages/s {tenth['processor_rate']:>9} a processor second"
        print(f"tenth {number:<2}{rates} {tenth['peak']:>7} MB")
    for name in ("change_ratio", "tenth_ratio", "tenth_ratio, processor"):
        print(f"{name:28}{figures[name]:>12}  near 1")


if __name__ == "__main__":
    main()
