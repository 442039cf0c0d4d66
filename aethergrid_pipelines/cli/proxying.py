"""``aethergrid proxy``."""

from typing import Annotated

import typer


def proxy(
    upstream: Annotated[
        str | None, typer.Option(help="Where everything goes; PROXY_…_UPSTREAM where it is not given.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port; PROXY_PORT where it is not given.", min=1, max=65_535)
    ] = None,
) -> None:
    """Pass calls of OpenAI's and Anthropic's clients on to their models, and capture what is said."""
    from aethergrid_pipelines.proxy.serving import serve
    from aethergrid_pipelines.settings import load_settings

    settings = load_settings()
    if upstream is not None:
        settings = settings.model_copy(update={"proxy_openai_upstream": upstream, "proxy_anthropic_upstream": upstream})
    serve(settings, port=port or settings.proxy_port)
