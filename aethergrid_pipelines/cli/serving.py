"""``aethergrid serve``."""

import ipaddress
from typing import Annotated

import typer

from aethergrid_pipelines.cli.output import errors


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on; API_HOST where it is not given.")] = None,
    port: Annotated[
        int | None, typer.Option(help="The port; API_PORT where it is not given.", min=1, max=65_535)
    ] = None,
) -> None:
    """Start the query service."""
    import uvicorn

    from aethergrid_pipelines.api.without_pandas import refuse_pandas
    from aethergrid_pipelines.settings import load_settings

    settings = load_settings()
    chosen = host or settings.api_host
    if settings.api_key is None and not _is_loopback(chosen):
        errors().print(
            f"Warning: {chosen} can be reached from other machines, and no API_KEY is set: whoever reaches it reads "
            "and erases everything",
            style="yellow",
            markup=False,
        )
    refuse_pandas()
    uvicorn.run(
        "aethergrid_pipelines.api.app:create_served_app",
        factory=True,
        host=chosen,
        port=port or settings.api_port,
        log_level=settings.log_level.lower(),
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
