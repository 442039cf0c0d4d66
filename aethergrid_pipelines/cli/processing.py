"""``aethergrid process``."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli.output import answers, errors, print_json, printable

if TYPE_CHECKING:
    from aethergrid_pipelines.flow.scope import Scope, StepReport
    from aethergrid_pipelines.flow.stores import Stores

SHOWN_FAILURES = 20


def process(
    days: Annotated[
        list[dt.datetime] | None,
        typer.Option("--day", formats=["%Y-%m-%d"], help="Only this UTC day; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what each step did as JSON.")] = False,
) -> None:
    """Bring the six steps up to date in this process, without Dagster. Only what is stale is processed."""
    from aethergrid_pipelines.flow.stores import open_stores
    from aethergrid_pipelines.settings import load_settings

    with open_stores(load_settings()) as stores:
        failed = materialised(stores, [day.date() for day in days] if days else [None], as_json=as_json)
    if failed:
        raise typer.Exit(1)


def materialised(stores: "Stores", days: Sequence[dt.date | None], *, as_json: bool | None = None) -> int:
    """Run the steps for each day (``None``: all) with a progress bar and say what they did: as JSON, as a table, or
    (``None``) as a table on stderr. Returns how many conversations failed."""
    from aethergrid_pipelines.flow.scope import Scope

    reports = [(day, report) for day in days for report in _run(stores, Scope() if day is None else Scope.day(day))]
    if as_json:
        print_json([_as_json(day, report) for day, report in reports])
    else:
        _show([report for _, report in reports], to_errors=as_json is None)
    return sum(report.counts["failed"] for _, report in reports)


def _run(stores: "Stores", scope: "Scope") -> "list[StepReport]":
    import uuid

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from aethergrid_pipelines.flow.engine import materialise_all
    from aethergrid_pipelines.flow.steps import CHAIN

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f} of {task.total:.0f}"))
    times = (TextColumn("conversations,"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, *times, console=errors(), transient=True) as progress:
        task = progress.add_task("looking for what is stale", total=0)
        stale = max(sum(1 for _ in step.stale(stores, scope)) for step in CHAIN)
        progress.update(task, description="processing", total=stale)
        done: Counter[str] = Counter()

        def update(report: "StepReport") -> None:
            done[report.step] = report.processed
            progress.update(task, completed=max(done.values()))

        return materialise_all(stores, scope, run_id=f"process-{uuid.uuid4()}", progress=update)


def _as_json(day: dt.date | None, report: "StepReport") -> dict[str, object]:
    return {
        "day": day,
        "step": report.step,
        "conversations": report.processed,
        "rows": report.rows,
        "erased": report.erased,
        "seconds": round(report.seconds, 3),
        "counts": dict(report.counts),
        "failures": report.failures,
    }


def _show(reports: "Sequence[StepReport]", *, to_errors: bool) -> None:
    from rich.table import Table

    console = errors() if to_errors else answers()
    table = Table(box=None, pad_edge=False)
    table.add_column("step")
    for name in ("conversations", "rows", "erased", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("")
    for report in reports:
        counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in report.counts.items() if count)
        figures = (report.processed, report.rows, report.erased, f"{report.seconds:.2f}")
        table.add_row(report.step, *(str(figure) for figure in figures), counts)
    console.print(table)
    failures = [(name, reason) for report in reports for name, reason in report.failures.items()]
    for conversation, reason in failures[:SHOWN_FAILURES]:
        console.print(printable(f"failed {conversation}: {reason}"), markup=False, style="red", soft_wrap=True)
