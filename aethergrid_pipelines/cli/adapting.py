"""``aethergrid adapters``."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli.output import answers, print_json, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethergrid_pipelines.adapters.overview import AdapterState

COLOURS = {"ok": "green", "unset": "dim", "broken": "red"}


def adapters(
    *,
    health: Annotated[
        bool, typer.Option("--health/--no-health", help="Ask each service whether it answers and has the model.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """The model families that there are adapters for, their models and whether they work. Exit 1 if one is broken."""
    import contextlib

    from aethergrid_pipelines.adapters.overview import states
    from aethergrid_pipelines.adapters.registry import open_adapters
    from aethergrid_pipelines.settings import load_settings

    with contextlib.closing(open_adapters(load_settings())) as opened:
        found = states(opened, with_health=health)
        refused = opened.refused
    if as_json:
        print_json({"adapters": [dataclasses.asdict(state) for state in found], "refused": refused})
    else:
        _show(found)
        for place, reason in refused.items():
            answers().print(printable(f"refused: {place}: {reason}"), markup=False, style="red", soft_wrap=True)
    if refused or any(state.health is not None and state.health.state == "broken" for state in found):
        raise typer.Exit(1)


def _show(found: "Sequence[AdapterState]") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("adapter", "model", "dimensions", "window", "version", "health"):
        table.add_column(name)
    for state in found:
        health = "" if state.health is None else f"{state.health.state}: {state.health.detail}"
        colour = "" if state.health is None else COLOURS[state.health.state]
        dimensions = "?" if state.vector_dimensions is None else str(state.vector_dimensions)
        figures = (dimensions, str(state.max_context_window), state.version)
        cells = (state.name, state.model_name or "?", *figures, health)
        table.add_row(*(escape(printable(cell)) for cell in cells), style=colour)
    answers().print(table)
