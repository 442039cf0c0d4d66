"""``aethergrid mcp``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli.output import answers, errors, printable

if TYPE_CHECKING:
    from aethergrid_pipelines.mcp_server.installation import Done

CLIENTS = "claude-code, claude-desktop, cursor, codex or gemini"


def mcp(
    *,
    http: Annotated[bool, typer.Option("--http", help="Serve streamable HTTP in place of stdin and stdout.")] = False,
    host: Annotated[str | None, typer.Option(help="With --http: the address; API_HOST where it is not given.")] = None,
    port: Annotated[
        int | None, typer.Option(help="With --http: the port; MCP_PORT where it is not given.", min=1, max=65_535)
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Where the .env with the settings lies.", exists=True)] = None,
    install: Annotated[
        str | None, typer.Option("--install", metavar="CLIENT", help=f"Add the server to {CLIENTS}, and end.")
    ] = None,
    uninstall: Annotated[
        str | None, typer.Option("--uninstall", metavar="CLIENT", help="Take it out again, and end.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be written.")] = False,
) -> None:
    """Hand the memory to any client of the Model Context Protocol. Opens the stores itself; no server has to run."""
    if install is not None and uninstall is not None:
        raise typer.BadParameter("either --install or --uninstall")
    if install is not None or uninstall is not None:
        _configure(install, uninstall, dry_run=dry_run)
        return
    if folder is not None:
        # Settings are read from the .env of the working folder; a client starts us anywhere.
        os.chdir(folder)
    from aethergrid_pipelines.cli.serving import warn_of_strangers
    from aethergrid_pipelines.mcp_server.serving import serve_http, serve_stdio
    from aethergrid_pipelines.settings import load_settings

    settings = load_settings()
    if not http:
        serve_stdio(settings)
        return
    chosen = host or settings.api_host
    warn_of_strangers(settings, chosen)
    serve_http(settings, host=chosen, port=port or settings.mcp_port)


def _configure(install: str | None, uninstall: str | None, *, dry_run: bool) -> None:
    from aethergrid_pipelines.mcp_server.clients import UnknownClient, client_named, entry_here
    from aethergrid_pipelines.mcp_server.installation import Unfit, installed, uninstalled

    try:
        if install is not None:
            entry, unset = entry_here()
            _show(installed(client_named(install), entry, dry_run=dry_run), dry_run=dry_run)
            if unset:
                errors().print(
                    f"Set only in this shell, so the client will not have it: {', '.join(unset)}. Put it into a .env "
                    "file, and run this command in its folder",
                    style="yellow",
                )
        if uninstall is not None:
            _show(uninstalled(client_named(uninstall), dry_run=dry_run), dry_run=dry_run)
    except (UnknownClient, Unfit) as error:
        errors().print(printable(f"Error: {error}"), markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


def _show(done: "Done", *, dry_run: bool) -> None:
    if dry_run and done.after is not None:
        typer.echo(done.after.decode(), nl=False)
    answers_to = errors() if dry_run else answers()
    answers_to.print(printable(done.told), markup=False, soft_wrap=True)
