"""``aethergrid status --sources``."""

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

import typer

from aethergrid_pipelines.cli.output import answers, print_json, printable

if TYPE_CHECKING:
    from aethergrid_pipelines.flow.accounts import FileGroup, SourceGroup

FIGURES = ("files", "incomplete", "read", "stored", "merged", "skipped", "rejected", "redacted", "flagged")
SHOWN_FILES = 40


def show_sources(*, as_json: bool) -> None:
    """Print the account of every source and file; exit code 1 where one does not add up."""
    from aethergrid_pipelines.flow.accounts import file_accounts, source_accounts
    from aethergrid_pipelines.flow.stores import open_stores
    from aethergrid_pipelines.settings import load_settings

    with open_stores(load_settings()) as stores, stores.catalog.reading() as connection:
        groups, files = source_accounts(connection), list(file_accounts(connection))
    if as_json:
        print_json(_document(groups, files))
    else:
        _show(groups, files)
    if any(group.unbalanced for group in groups):
        raise typer.Exit(1)


def _document(groups: "list[SourceGroup]", files: "list[FileGroup]") -> dict[str, object]:
    from aethergrid_pipelines.flow.accounts import imbalance

    return {
        "adds_up": not any(group.unbalanced for group in groups),
        "sources": [dataclasses.asdict(group) for group in groups],
        "files": [{**dataclasses.asdict(file), "imbalance": imbalance(file)} for file in files],
    }


def _show(groups: "list[SourceGroup]", files: "list[FileGroup]") -> None:
    from rich.table import Table

    from aethergrid_pipelines.flow.accounts import imbalance

    console = answers()
    if not groups:
        console.print("Nothing was imported yet: aethergrid import PATH")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("source")
    for name in FIGURES:
        table.add_column(name, justify="right")
    for group in groups:
        table.add_row(printable(group.source), *(str(getattr(group, name)) for name in FIGURES))
    console.print(table)
    told = [(file, imbalance(file)) for file in files if imbalance(file) or not file.complete or file.rejected]
    for file, problem in told[:SHOWN_FILES]:
        about = problem or file.error or (f"{file.rejected} rejected" if file.complete else "not read to its end")
        style = "red" if problem else "yellow"
        console.print(printable(f"{file.path}: {about}"), markup=False, style=style, soft_wrap=True)
    if len(told) > SHOWN_FILES:
        console.print(f"… and {len(told) - SHOWN_FILES} more files; --json has them")
    kinds = sum((Counter(group.secrets) for group in groups), Counter[str]())
    if kinds:
        told_kinds = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        console.print(f"secrets: {told_kinds}", markup=False)
    if not any(group.unbalanced for group in groups):
        console.print("The account adds up: every record has its outcome.", style="green")
