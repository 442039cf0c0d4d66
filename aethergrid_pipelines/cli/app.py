"""The command line: ``app`` is what ``aethergrid`` runs."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from aethergrid_pipelines.cli import (
    adapting,
    answering,
    asking,
    connecting,
    doctor,
    forgetting,
    importing,
    living,
    packing,
    processing,
    proxying,
    serving,
    status,
    watching,
    working,
)
from aethergrid_pipelines.cli.output import errors


class Commands(TyperGroup):
    """Ends a command that cannot go on with one line that says what to do; with LOG_LEVEL=DEBUG with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            from aethergrid_pipelines.cli.failures import explained, wants_traceback

            reason = explained(error)
            if reason is None or wants_traceback():
                raise
            errors().print("[red]Error:[/red]", end=" ")
            errors().print(reason, markup=False, soft_wrap=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=Commands,
    name="aethergrid",
    help="One memory for every AI model: import conversations, ask, look after it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"aethergrid {version('aethergrid-pipelines')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """One memory for every AI model: import conversations, ask, look after it."""


app.command("import")(importing.import_conversations)
app.command("watch")(watching.watch)
app.command("query")(asking.query)
app.command("ask")(answering.ask)
app.command("context")(packing.context)
app.command("status")(status.status)
app.command("doctor")(doctor.doctor)
app.command("forget")(forgetting.forget)
app.command("live")(living.live)
app.command("process")(processing.process)
app.command("worker")(working.worker)
app.command("serve")(serving.serve)
app.command("proxy")(proxying.proxy)
app.command("mcp")(connecting.mcp)
app.command("adapters")(adapting.adapters)
