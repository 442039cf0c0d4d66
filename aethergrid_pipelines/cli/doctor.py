"""``aethergrid doctor``."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli.output import answers, print_json, printable

if TYPE_CHECKING:
    from aethergrid_pipelines.cli.checkup import Finding

MARKS = {"ok": "[green]ok[/green]  ", "warning": "[yellow]warn[/yellow]", "broken": "[red]down[/red]"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Look at every component and setting, and say what to do about each problem."""
    from aethergrid_pipelines.cli.checkup import examine, settings_in_force, versions
    from aethergrid_pipelines.settings import load_settings

    settings = load_settings()
    findings = examine(settings)
    broken = any(finding.state == "broken" for finding in findings)
    if as_json:
        print_json(
            {
                "ok": not broken,
                "findings": [dataclasses.asdict(finding) for finding in findings],
                "settings": settings_in_force(settings),
                "versions": versions(),
            }
        )
    else:
        _show(findings, settings_in_force(settings), versions())
    if broken:
        raise typer.Exit(1)


def _show(findings: "list[Finding]", settings: dict[str, str], installed: dict[str, str]) -> None:
    console = answers()
    for finding in findings:
        console.print(f"{MARKS[finding.state]} {finding.name:<20}", end=" ")
        took = f" ({finding.milliseconds:.0f} ms)" if finding.milliseconds is not None else ""
        console.print(printable(f"{finding.detail}{took}"), markup=False, soft_wrap=True)
        if finding.advice:
            console.print(printable(f"     → {finding.advice}"), markup=False, soft_wrap=True)
    console.print("\nSettings in force", style="bold")
    for name, value in settings.items():
        console.print(printable(f"  {name}={value}"), markup=False, soft_wrap=True)
    console.print("\nVersions", style="bold")
    console.print("  " + ", ".join(f"{name} {number}" for name, number in installed.items()), markup=False)
