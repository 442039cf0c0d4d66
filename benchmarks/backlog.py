"""A day that nobody processed: how long the live worker takes to make it searchable, and whether all of it arrives.

    python -m benchmarks.backlog [--conversations 1000] [--turns 20] [--store embedded|production] [--json]

The worker has followed the change feed and is then away while a day of conversations is imported; measured is from its
start until the last of them is searchable, its imports of libraries included. ``--store production`` takes databases of
its own on the servers of the settings, and deletes them. Named limits:

* ``minutes`` < 60, and a few of them;
* ``error rate`` 0: the share of the conversations that did not arrive;
* ``fragments missing`` 0: what the ledger says is stored and the vector store does not have.
"""

import argparse
import datetime as dt
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from aethergrid_pipelines.demo import import_files
from aethergrid_pipelines.flow import state
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.searchable import INDEXED, not_searchable
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.stores import feed_cursor, lease
from benchmarks.generate import START, Record, message, write
from benchmarks.home import Home, fresh_home
from benchmarks.production import own_databases
from benchmarks.servers import Live, stop_on_sigterm

GIVE_UP_SECONDS = 7_200
DAY = 86_400


def day(conversations: int, turns: int, *, seed: int = 0) -> Iterator[Record]:
    """The messages of conversations that begin on one UTC day, conversation by conversation."""
    rng = random.Random(seed)
    midnight = START.replace(hour=0)
    for number in range(conversations):
        moment = midnight + dt.timedelta(seconds=number * (DAY - 1) // conversations)
        for turn in range(turns):
            yield {
                "conversation": f"backlog-{number}",
                "source": "generated",
                "id": str(turn),
                "timestamp": (moment + dt.timedelta(seconds=30 * turn)).isoformat(),
                "role": "assistant" if turn % 2 else "user",
                "content": message(rng, answers=turn % 2 == 1),
            }


def wait_for(found: Callable[[], object], seconds: float) -> float:
    """Seconds until ``found()`` is true; raises ``TimeoutError``."""
    began = time.perf_counter()
    while not found():
        if time.perf_counter() - began > seconds:
            raise TimeoutError(f"not after {seconds:g} seconds")
        time.sleep(0.1)
    return time.perf_counter() - began


def indexed(stores: Stores) -> int:
    """How many conversations have reached the vector store."""
    with stores.catalog.reading() as connection:
        return state.row_count(connection, step=INDEXED, scope=Scope())[0]


def drained(home: Home, conversations: int, turns: int) -> dict[str, Any]:
    """The figures of one backlog."""
    stores = home.stores
    with Live(home.folder, **home.variables):
        wait_for(lambda: feed_cursor.load(stores.catalog, lease.LIVE), 180)
    file = home.folder / "day.jsonl"
    write(file, day(conversations, turns))
    messages = import_files(stores, [file]).total.stored
    with Live(home.folder, **home.variables):
        seconds = wait_for(lambda: indexed(stores) >= conversations, GIVE_UP_SECONDS)
    late = not_searchable(stores, [found.conversation.id for found in stores.conversations.states()])
    active = stores.vectors.active()
    with stores.catalog.reading() as connection:
        _, fragments = state.row_count(connection, step=INDEXED, scope=Scope())
    return {
        "conversations": conversations,
        "messages": messages,
        "fragments": fragments,
        "minutes": round(seconds / 60, 2),
        "messages/s": round(messages / seconds, 1),
        "error rate": len(late) / conversations,
        "fragments missing": fragments - (stores.vectors.count(active[0]) if active else 0),
    }


def measure(conversations: int, turns: int, store: str) -> dict[str, Any]:
    """The figures that ``--json`` prints."""
    databases: AbstractContextManager[dict[str, str]] = own_databases() if store == "production" else nullcontext({})
    with databases as variables, fresh_home(variables=variables) as home:
        return {"store": store, **drained(home, conversations, turns)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="How long a day that nobody processed takes to become searchable.")
    parser.add_argument("--conversations", type=int, default=1_000)
    parser.add_argument("--turns", type=int, default=20, help="messages in each")
    parser.add_argument("--store", choices=("embedded", "production"), default="embedded")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    stop_on_sigterm()
    figures = measure(options.conversations, options.turns, options.store)
    print(json.dumps(figures) if options.json else "\n".join(f"{name:20} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
