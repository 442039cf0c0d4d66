"""``aethergrid status``."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aethergrid_pipelines.cli.output import answers, print_json

if TYPE_CHECKING:
    from aethergrid_pipelines.flow.stores import Stores


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    *,
    sources: Annotated[bool, typer.Option("--sources", help="What became of the records of every file.")] = False,
) -> None:
    """What the memory holds, how far each step is, what is stale, what was imported, and what waits in the spool."""
    from aethergrid_pipelines.flow.stores import open_stores
    from aethergrid_pipelines.settings import load_settings

    if sources:
        from aethergrid_pipelines.cli.sources import show_sources

        show_sources(as_json=as_json)
        return
    with open_stores(load_settings()) as stores:
        found = _status(stores)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _status(stores: "Stores") -> dict[str, Any]:
    from aethergrid_pipelines.capture.spool import spool_path
    from aethergrid_pipelines.capture.spool_folder import SpoolFolder
    from aethergrid_pipelines.cli.components import addresses
    from aethergrid_pipelines.flow.overview import last_runs, overview
    from aethergrid_pipelines.flow.progress import stale_counts

    counted = dataclasses.asdict(overview(stores.catalog))
    runs = last_runs(stores.catalog)
    stale = stale_counts(stores)
    steps = [{**step, "stale": stale[step["step"]], "last_run": runs.get(step["step"])} for step in counted["steps"]]
    active = stores.vectors.active()
    index = None
    if active is not None:
        collection, embedder, dimension = active
        fragments = stores.vectors.count(collection)
        index = {"collection": collection, "embedder": embedder, "dimension": dimension, "fragments": fragments}
    days = stores.conversations.days()
    captured = {"conversations": sum(count for _, count in days), "days": len(days)}
    spool = dataclasses.asdict(SpoolFolder(spool_path(stores.settings)).backlog())
    about = {"stores": addresses(stores), "captured": captured, "spool": spool, "index": index}
    return {**about, **counted, "steps": steps}


def _show(found: dict[str, Any]) -> None:
    from rich.table import Table

    console = answers()
    for role, address in found["stores"].items():
        console.print(f"{role:<14} {address}", markup=False, soft_wrap=True)
    captured, index = found["captured"], found["index"]
    console.print(f"\n{captured['conversations']} conversations captured on {captured['days']} days", markup=False)
    _show_spool(found["spool"])
    if index is None:
        console.print("There is no index yet: aethergrid import PATH, then aethergrid process")
    else:
        about = f"{index['collection']} ({index['embedder']}, {index['dimension']} dimensions)"
        console.print(f"{index['fragments']} fragments in {about}", markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("\nstep", no_wrap=True)
    for name in ("\nconversations", "\nrows", "\nstale"):
        table.add_column(name, justify="right")
    table.add_column("\nlast processed", no_wrap=True)
    table.add_column("\nlast run", overflow="fold")
    for step in found["steps"]:
        last = f"{step['last_processed_at']:%Y-%m-%d %H:%M:%S}" if step["last_processed_at"] else "never"
        figures = (str(step[name]) for name in ("conversations", "rows", "stale"))
        table.add_row(step["step"], *figures, last, step["last_run"] or "")
    console.print(table)
    if found["sources"]:
        console.print()
    for source in found["sources"]:
        outcomes = ", ".join(f"{source[name]} {name}" for name in ("read", "stored", "merged", "skipped", "rejected"))
        console.print(f"{source['source']}: {source['files']} files, {outcomes}", markup=False, soft_wrap=True)
    if any(source["unbalanced"] for source in found["sources"]):
        console.print("The account does not add up: aethergrid status --sources", style="red", markup=False)


def _show_spool(spool: dict[str, Any]) -> None:
    console = answers()
    if spool["records"]:
        size, since = spool["bytes"] / 1024**2, spool["oldest_at"]
        oldest = f", the oldest since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
        console.print(f"{spool['records']} messages ({size:.1f} MiB) wait in the spool{oldest}", markup=False)
    for name, what in (("refused", "kept in spool/refused.jsonl"), ("dropped", "for want of room")):
        if spool[name]:
            console.print(f"{spool[name]} spooled messages were {name} ({what})", style="yellow", markup=False)
