"""The server as a process: over stdin and stdout, or over HTTP; and as a part of another application."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from aethergrid_pipelines.api.components import Components
from aethergrid_pipelines.hosts import Hosts
from aethergrid_pipelines.mcp_server.remembering import Indexing, indexing
from aethergrid_pipelines.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

PATH = "/mcp"
MAX_BODY_BYTES = 4 * 1024 * 1024


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Components]:
    """The stores of these settings, each opened at its first use; no other process has to run."""
    components = Components(settings)
    try:
        yield components
    finally:
        components.close()


def serve_stdio(settings: Settings) -> None:
    """Serve the client that started this process until it closes stdin. Nothing but the protocol goes to stdout."""
    from aethergrid_pipelines.mcp_server.server import MemoryServer

    _log_to_stderr(settings)
    with opened(settings) as components:
        MemoryServer(components, indexing(components)).run("stdio")


def _log_to_stderr(settings: Settings) -> None:
    """What we and the SDK say at ``LOG_LEVEL``, and the warnings of all others."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for name in ("aethergrid_pipelines", "mcp"):
        logging.getLogger(name).setLevel(settings.log_level)


def serve_http(settings: Settings, *, host: str, port: int) -> None:
    """Serve ``http://host:port/mcp`` until somebody ends it."""
    import uvicorn

    with opened(settings) as components:
        listening = settings.model_copy(update={"api_host": host})
        app = guarded(http_app(components, indexing(components)), listening)
        uvicorn.run(app, host=host, port=port, log_level=settings.log_level.lower())


def http_app(components: Components, index: Indexing | None, *, path: str = PATH) -> "Starlette":
    """The application at ``path``: streamable HTTP, each request on its own, so that any process may answer it."""
    from mcp.server.transport_security import TransportSecuritySettings

    from aethergrid_pipelines.mcp_server.server import MemoryServer

    # The guard in front decides who may ask, and by which names; the SDK would not know when a key makes names
    # indifferent.
    unguarded = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    server = MemoryServer(components, index)
    return server.streamable_http_app(
        streamable_http_path=path,
        stateless_http=True,
        json_response=True,
        max_request_body_size=MAX_BODY_BYTES,
        transport_security=unguarded,
    )


def guarded(app: ASGIApp, settings: Settings) -> ASGIApp:
    """With the API's own rules: its key where one is set, otherwise no page and no name of another machine."""
    from aethergrid_pipelines.api.guard import Guard

    hosts = Hosts([settings.api_host, *settings.allowed_host_names])
    return Guard(app, key=settings.api_key, most_bytes=MAX_BODY_BYTES, hosts=hosts)
