"""``aethergrid live``."""

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli.output import answers, errors, print_json, printable

if TYPE_CHECKING:
    from aethergrid_pipelines.live.worker import Processed


SWITCH_SECONDS = 0.000_5
"""How long a thread may keep the interpreter while another one waits. A batch gives it away some hundred times, each
time it speaks to a store, and got it back from the thread that tells Dagster after Python's own 5 ms: a batch of 60 ms
took a second then."""


def live(
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Tell Dagster (at DAGSTER_HOME) what was processed.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each micro-batch.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether a worker is at work; exit 1 if not.")
    ] = False,
) -> None:
    """Follow the change feed: what is captured is found by a query in a moment. Ctrl-C finishes what is under way."""
    from aethergrid_pipelines.automation.live_report import open_report
    from aethergrid_pipelines.flow.stores import open_stores
    from aethergrid_pipelines.live.worker import LiveWorker
    from aethergrid_pipelines.settings import load_settings

    if check:
        _check()
        return
    sys.setswitchinterval(SWITCH_SECONDS)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    def show(done: "Processed") -> None:
        seconds = sum(step.seconds for step in done.reports)
        if as_json:
            days = [day.isoformat() for day in sorted(done.days)]
            print_json({"conversations": done.conversations, "days": days, "seconds": round(seconds, 3)})
        else:
            errors().print(f"{done.conversations} conversations searchable after {seconds:.2f} s")

    with (
        open_stores(load_settings()) as stores,
        open_report(enabled=report and "DAGSTER_HOME" in os.environ) as dagster,
    ):

        def take(done: "Processed") -> None:
            dagster.add(done)
            show(done)

        worker = LiveWorker(
            stores,
            on_batch=take,
            on_idle=dagster.flush,
            on_trouble=lambda error: errors().print(printable(str(error)), style="yellow", markup=False),
        )
        errors().print("following the change feed; Ctrl-C stops")
        worker.run(stop)
    errors().print(f"stopped after {worker.totals['conversations']} conversations")


def _check() -> None:
    from aethergrid_pipelines.settings import load_settings
    from aethergrid_pipelines.stores import lease
    from aethergrid_pipelines.stores.select import open_catalog

    catalog = open_catalog(load_settings())
    at_work = lease.held(catalog, lease.LIVE)
    catalog.close()
    answers().print(
        "a live worker follows the change feed" if at_work else "no live worker: aethergrid live starts one"
    )
    if not at_work:
        raise typer.Exit(1)
