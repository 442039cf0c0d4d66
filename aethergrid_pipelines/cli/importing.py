"""``aethergrid import``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli.output import answers, errors, print_json, printable

if TYPE_CHECKING:
    from rich.table import Table

    from aethergrid_pipelines.capture.account import Account, FileAccount, ImportReport
    from aethergrid_pipelines.flow.stores import Stores

SHOWN_FILES = 40
SHOWN_REJECTS = 20


def import_conversations(
    paths: Annotated[list[str], typer.Argument(help="Files, folders and globs.", metavar="PATH...")],
    source: Annotated[str, typer.Option(help="The format, or auto.")] = "auto",
    space: Annotated[str | None, typer.Option(help="The memory to import into.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as JSON.")] = False,
    process: Annotated[bool, typer.Option(help="Make it searchable at once, too.")] = True,
    *,
    reread: Annotated[bool, typer.Option("--reread", help="Read files that did not change, too.")] = False,
) -> None:
    """Import conversations; ends with an account of every record. Importing again adds only what is new."""
    from aethergrid_pipelines.capture.importer import ImportStopped
    from aethergrid_pipelines.flow.stores import open_stores
    from aethergrid_pipelines.settings import load_settings

    settings = load_settings()
    with open_stores(settings) as stores:
        try:
            report = _imported(stores, paths, source, space or settings.space, reread=reread)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--source") from error
        except ImportStopped as stopped:
            _show(stopped.report, as_json=as_json)
            raise
        _show(report, as_json=as_json)
        if report.interrupted:
            raise typer.Exit(130)
        if process and report.total.stored:
            from aethergrid_pipelines.cli.processing import materialised

            failed = materialised(stores, [None])
            if failed:
                raise typer.Exit(1)
    if report.total.rejected or report.errors or not any(file.source for file in report.files):
        raise typer.Exit(1)


def _imported(stores: "Stores", paths: list[str], source: str, space: str, *, reread: bool) -> "ImportReport":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from aethergrid_pipelines.capture.importer import import_paths
    from aethergrid_pipelines.capture.paths import expand
    from aethergrid_pipelines.capture.redaction import Redaction
    from aethergrid_pipelines.stores.journal import CatalogJournal

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("files · {task.description}"), TimeElapsedColumn())
    seen: dict[str, int] = {}
    with Progress(*columns, console=errors(), transient=True) as progress:
        task = progress.add_task("…", total=len(expand(paths)[0]))

        def update(file: "FileAccount") -> None:
            seen[file.path] = file.account.read
            name = printable(Path(file.path).name)
            progress.update(task, completed=len(seen) - 1, description=f"{sum(seen.values())} records · {name}")

        return import_paths(
            paths,
            store=stores.conversations,
            space=space,
            source=source,
            journal=CatalogJournal(stores.catalog),
            progress=update,
            redaction=Redaction(stores.settings.redact_secrets),
            reread=reread,
        )


def _show(report: "ImportReport", *, as_json: bool) -> None:
    if as_json:
        print_json(report.as_json())
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("source")
    for name in ("read", "stored", "merged", "skipped", "rejected"):
        table.add_column(name, justify="right")
    folder = _common_folder([file.path for file in report.files])
    for file in report.files[:SHOWN_FILES]:
        _row(table, file.path.removeprefix(folder), file.source or file.unread or "–", file.account)
    if len(report.files) > SHOWN_FILES:
        table.add_row(f"… and {len(report.files) - SHOWN_FILES} more files")
    _row(
        table,
        f"{len(report.files)} files in {folder}" if folder else f"{len(report.files)} files",
        "",
        report.total,
        style="bold",
    )
    answers().print(table)
    if unchanged := sum(file.unchanged for file in report.files):
        told = f"{unchanged} of them did not change since they were imported, and were not read again (--reread does)"
        answers().print(told, markup=False)
    for reason, count in report.total.skipped.most_common():
        answers().print(f"skipped {count}: {printable(reason)}", markup=False)
    for kind, count in report.total.redacted.most_common():
        answers().print(f"redacted {count}: {kind}", markup=False)
    for kind, count in report.total.flagged.most_common():
        answers().print(f"stored in clear {count}: {kind}", markup=False, style="yellow")
    for path, reject in report.rejects[:SHOWN_REJECTS]:
        where = f"{path}:{reject.line}" if reject.line else path
        field = f"{reject.field}: " if reject.field else ""
        answers().print(
            printable(f"rejected {where}: {field}{reject.reason}"), markup=False, style="red", soft_wrap=True
        )
    if report.total.rejected > SHOWN_REJECTS:
        answers().print(f"… and {report.total.rejected - SHOWN_REJECTS} more; --json and the catalog have them")
    for file in report.errors:
        answers().print(printable(f"failed {file.path}: {file.error}"), markup=False, style="red", soft_wrap=True)
    if report.interrupted:
        answers().print("Interrupted; what was read is stored. Import again to go on.", style="yellow")


def _common_folder(paths: list[str]) -> str:
    """The folder that all files are in, with a slash at its end; empty where it says nothing."""
    folder = os.path.commonpath(paths) if len(paths) > 1 else ""
    return f"{folder}/" if folder not in {"", os.sep} else ""


def _row(table: "Table", name: str, source: str, account: "Account", *, style: str | None = None) -> None:
    from rich.markup import escape

    figures = (account.read, account.stored, account.merged, account.skipped.total(), account.rejected)
    table.add_row(escape(printable(name)), escape(source), *(str(figure) for figure in figures), style=style)
