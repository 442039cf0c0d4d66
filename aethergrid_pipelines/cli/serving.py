"""``aethergrid serve``."""

import ipaddress
import os
from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli.output import errors

if TYPE_CHECKING:
    from aethergrid_pipelines.settings import Settings


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on; API_HOST where it is not given.")] = None,
    port: Annotated[
        int | None, typer.Option(help="The port; API_PORT where it is not given.", min=1, max=65_535)
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Processes that answer; what they share they share through REDIS_URL.", min=1, max=64)
    ] = 1,
) -> None:
    """Start the query service."""
    import uvicorn

    from aethergrid_pipelines.settings import load_settings

    if host is not None:
        # For the application, too, which reads them for itself and has to know by which name it is asked.
        os.environ["API_HOST"] = host
    settings = load_settings()
    chosen = settings.api_host
    warn_of_strangers(settings, chosen)
    if workers > 1 and settings.redis_url is None:
        raise typer.BadParameter("several processes share answers and jobs through Redis: set REDIS_URL")
    uvicorn.run(
        "aethergrid_pipelines.api.app:create_served_app",
        factory=True,
        host=chosen,
        port=port or settings.api_port,
        log_level=settings.log_level.lower(),
        workers=workers,
    )


def warn_of_strangers(settings: "Settings", host: str) -> None:
    """Say so where anybody who reaches ``host`` may do anything."""
    if settings.api_key is None and not _is_loopback(host):
        errors().print(
            f"Warning: {host} can be reached from other machines, and no API_KEY is set: whoever reaches it reads "
            "and erases everything",
            style="yellow",
            markup=False,
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
