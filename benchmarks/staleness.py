"""What the flow costs while a history grows, and what little or nothing changed costs in it; how long queries take.

    python -m benchmarks.staleness [--messages 1000,10000,100000] [--store lancedb|weaviate] [--json]

    python -m benchmarks.staleness --messages 10000,100000,1000000 --queries 150 --keep FOLDER

One history, in which each part is of later days than those before it. The embedder makes vectors from phrases, which
costs 0.05 ms a text, so that what remains is the flow's own cost. Parts end where a tenth of the largest number of
``--messages`` is there, and at each of these numbers; there the history rests, and is measured: the whole of it, and
one day, are materialised again with nothing stale; one message of one conversation is edited, imported, and the six
steps run over its day, as the sensor asks for; with ``--queries``, the index is looked after as it is every night, and
``benchmarks.latency`` asks so many questions. Named limits, of the same run:

* ``change_ratio``: seconds of the one change at the last of these sizes, to those at the first; near 1;
* ``tenth_ratio``: messages/s of the last tenth, to those of the first; near 1;
* ``tenth_ratio, processor``: the same in messages a processor second, which other work on the machine disturbs less;
* ``tenth_ratio, beside``: the same again, each tenth to what an empty history takes right after it: where neighbours
  slow the memory down, a processor second is not the same twice, and only this ratio says what is due to the history;
* ``memory_ratio``: the highest memory in the last tenth, to that in the first; near 1.

Each tenth and each rest is a line on stderr as soon as it is known. With ``--keep``, home and collection stay, and
``benchmarks.latency --home FOLDER`` asks again.
"""

import argparse
import datetime as dt
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.filled import empty_home
from benchmarks.generate import Record, conversation, write
from benchmarks.home import Home
from benchmarks.servers import stop_on_sigterm

SIZES = (1_000, 10_000, 100_000)
START = dt.datetime(2020, 1, 1, 8, tzinfo=dt.UTC)
"""The first day of all. From there a million messages end before today; what is of the future would be refused."""

BESIDE = 5_000
"""Messages that go into an empty history after each tenth."""

CHANGES = 5
"""Conversations that are changed, one after another; the median counts."""


@dataclass(slots=True)
class Tenth:
    """What it took to bring a tenth of a history in, or to do something else: messages, seconds by the clock and by the
    processor, and the highest resident memory of the process meanwhile, in MB."""

    messages: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    peak: float = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Add what the block takes."""
        # The peak begins anew, so that it is of this block alone: proc_pid_clear_refs(5).
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        started, processor = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - started
        self.processor += time.process_time() - processor
        told = Path("/proc/self/status").read_text(encoding="ascii").split("VmHWM:")[1].split()[0]
        self.peak = max(self.peak, int(told) * 1_024 / 1e6)

    def figures(self) -> dict[str, float]:
        """Rates, and the peak."""
        rates = {"messages/s": self.messages / self.seconds, "a processor second": self.messages / self.processor}
        return {name: round(rate, 1) for name, rate in rates.items()} | {"peak MB": round(self.peak)}


class History:
    """Generated conversations as far as a home holds them."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.messages = 0
        self.conversations = 0

    def grow(self, messages: int, tenth: Tenth) -> None:
        """Import and materialise whole conversations until there are at least so many messages."""
        before = self.messages
        file = self.home.folder / "part.jsonl"
        written = write(file, self._until(messages))
        tenth.messages += self.messages - before
        with tenth.measured():
            stored = self._bring_in(file)
        file.unlink()
        if stored != written:
            raise AssertionError(f"{stored} of {written} messages were stored")

    def change(self, number: int) -> float:
        """Seconds from an edited message in a file to its fragments in the vector store."""
        edited = _conversation(number)
        edited[1]["content"] += f" Edited at {time.time_ns()}."
        file = self.home.folder / "edited.jsonl"
        write(file, edited)
        started = time.perf_counter()
        self._bring_in(file)
        return time.perf_counter() - started

    def unchanged(self, number: int | None = None) -> float:
        """Seconds of materialising all days, or that of a conversation, where nothing is stale."""
        from aethergrid_pipelines.flow.engine import materialise_all
        from aethergrid_pipelines.flow.scope import Scope

        scope = Scope()
        if number is not None:
            scope = Scope.day(dt.datetime.fromisoformat(_conversation(number)[0]["timestamp"]).date())
        started = time.perf_counter()
        reports = materialise_all(self.home.stores, scope, run_id="again")
        seconds = time.perf_counter() - started
        if any(report.processed for report in reports):
            raise AssertionError("something was stale")
        return seconds

    def _until(self, messages: int) -> Iterator[Record]:
        while self.messages < messages:
            records = _conversation(self.conversations)
            self.conversations += 1
            self.messages += len(records)
            yield from records

    def _bring_in(self, file: Path) -> int:
        """Import a file and materialise the days that it touches, as the sensor finds them in the change feed; how many
        messages were new or changed."""
        from aethergrid_pipelines.demo import import_files
        from aethergrid_pipelines.flow.engine import materialise_all
        from aethergrid_pipelines.flow.scope import Scope

        stores = self.home.stores
        cursor = stores.conversations.changes(None).cursor
        stored = import_files(stores, [file]).total.stored
        days: set[dt.date] = set()
        while (page := stores.conversations.changes(cursor)).changes:
            days.update(found.day for found in page.changes)
            cursor = page.cursor
        if days:
            materialise_all(stores, Scope(min(days), max(days)), run_id="staleness")
        return stored


def _conversation(number: int) -> list[Record]:
    return conversation(number, start=START)


def beside(store: str) -> Tenth:
    """What :data:`BESIDE` messages take in an empty history."""
    with empty_home(store) as home:
        small, found = History(home), Tenth()
        # As above: what a process or a store does once is not counted.
        small.grow(1, Tenth())
        small.grow(BESIDE, found)
    return found


def rest(history: History, queries: int) -> dict[str, float]:
    """Figures of a history as it is, seconds unless named otherwise."""
    last = history.conversations
    places = [last * (place + 1) // (CHANGES + 1) for place in range(CHANGES)]
    figures: dict[str, float] = {
        "messages": history.messages,
        "conversations": last,
        "nothing stale, all days": history.unchanged(),
        "nothing stale, one day": history.unchanged(last // 2),
        "one change": statistics.median(history.change(number) for number in places),
    }
    if queries:
        stores = history.home.stores
        collection = str((stores.vectors.active() or [""])[0])
        care = Tenth()
        with care.measured():
            stores.vectors.optimise(collection)
        figures |= {"index care": care.seconds, "index care, processor": care.processor, "index care MB": care.peak}
        figures["nothing stale, one day, after it"] = history.unchanged(last // 2)
        figures["one change, after it"] = statistics.median(history.change(number) for number in places)
        figures |= latency(history.home.folder, queries)
    figures |= on_disk(history.home.folder)
    return {name: round(value, 4) for name, value in figures.items()}


def latency(home: Path, queries: int) -> dict[str, float]:
    """What ``benchmarks.latency`` finds, in a process of its own, whose caches are empty as those of a fresh API."""
    command = [sys.executable, "-m", "benchmarks.latency", "--json", "--home", str(home), "--queries", str(queries)]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {name: value for name, value in json.loads(told.splitlines()[-1]).items() if name != "store"}


def on_disk(home: Path) -> dict[str, float]:
    """MB of each store in the home. A file that is replaced meanwhile counts or does not."""
    sizes: dict[str, float] = {}
    for path in home.rglob("*"):
        top = path.relative_to(home).parts[0]
        if path.is_file() and not top.startswith(("models", "locks", "part.", "edited.", "benchmark.", "api.")):
            sizes[f"{top} MB"] = sizes.get(f"{top} MB", 0) + path.stat().st_size / 1e6
    return sizes


def measure(sizes: list[int], store: str, queries: int, keep: Path | None) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    whole = sizes[-1]
    tenths = [Tenth() for _ in range(10)]
    besides: list[Tenth] = []
    ends = sorted({*sizes, *(whole * (place + 1) // 10 for place in range(10))})
    rests = []
    with empty_home(store, keep=keep) as home:
        history = History(home)
        # Modules are imported and labels embedded before anything is timed.
        history.grow(1, Tenth())
        for end in ends:
            at = -(-10 * end // whole) - 1
            history.grow(end, tenths[at])
            if end == whole * (at + 1) // 10:
                besides.append(beside(store))
                tell({"tenth": at + 1, **tenths[at].figures(), **of_beside(besides[at])})
            if end in sizes:
                rests.append(rest(history, queries))
                tell(rests[-1])
    figures, last = rests[0], rests[-1]
    first_tenth, last_tenth = tenths[0].figures(), tenths[-1].figures()
    first_beside, last_beside = besides[0].figures(), besides[-1].figures()
    in_processor = last_tenth["a processor second"] / first_tenth["a processor second"]
    return {
        "sizes": rests,
        "tenths": [tenth.figures() | of_beside(one) for tenth, one in zip(tenths, besides, strict=True)],
        "change_ratio": round(last["one change"] / figures["one change"], 2),
        "tenth_ratio": round(last_tenth["messages/s"] / first_tenth["messages/s"], 2),
        "tenth_ratio, processor": round(in_processor, 2),
        "tenth_ratio, beside": round(
            in_processor / (last_beside["a processor second"] / first_beside["a processor second"]), 2
        ),
        "memory_ratio": round(last_tenth["peak MB"] / first_tenth["peak MB"], 2),
    }


def of_beside(found: Tenth) -> dict[str, float]:
    """What an empty history took, under names of its own."""
    figures = found.figures()
    return {f"{name}, beside": figures[name] for name in ("messages/s", "a processor second")}


def tell(figures: dict[str, float]) -> None:
    """A line for whoever waits."""
    print(f"{dt.datetime.now(dt.UTC):%H:%M:%S} {json.dumps(figures)}", file=sys.stderr, flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What the flow costs while a history grows.")
    parser.add_argument("--messages", default=",".join(map(str, SIZES)), help="sizes at which it rests, ascending")
    parser.add_argument("--store", choices=("lancedb", "weaviate"), default="lancedb", help="where the vectors are")
    parser.add_argument("--queries", type=int, default=0, help="questions at each of these sizes; 0: none")
    parser.add_argument("--keep", type=Path, help="an empty folder for the home, which stays")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    stop_on_sigterm()
    figures = measure(sorted(map(int, options.messages.split(","))), options.store, options.queries, options.keep)
    if options.json:
        print(json.dumps(figures))
        return
    for name in figures["sizes"][-1]:
        print(f"{name:34}" + "".join(f"{size.get(name, ''):>12}" for size in figures["sizes"]))
    for number, tenth in enumerate(figures["tenths"], 1):
        print(f"tenth {number:<2}" + "".join(f"{value:>10} {name}" for name, value in tenth.items()))
    for name in ("change_ratio", "tenth_ratio", "tenth_ratio, processor", "tenth_ratio, beside", "memory_ratio"):
        print(f"{name:34}{figures[name]:>12}  near 1")


if __name__ == "__main__":
    main()
