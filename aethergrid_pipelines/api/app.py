"""The query service: ``create_served_app`` is what uvicorn runs (``--factory``)."""

import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.routing import Route

from aethergrid_pipelines.api import (
    adapters,
    contextual,
    conversations,
    health,
    ingest,
    memory,
    memory_ingest,
    page,
    pipeline,
    problems,
    query,
    stats,
)
from aethergrid_pipelines.api.components import Components
from aethergrid_pipelines.api.guard import Guard
from aethergrid_pipelines.api.jobs import Jobs
from aethergrid_pipelines.api.mcp_mount import PATH, McpMount
from aethergrid_pipelines.api.without_pandas import refuse_pandas
from aethergrid_pipelines.hosts import Hosts
from aethergrid_pipelines.settings import Settings, load_settings
from aethergrid_pipelines.stores.select import open_shared_cache

MAX_BODY_BYTES = 32 * 1024 * 1024

DESCRIPTION = """One memory for every AI model: ask it, add to it, forget from it.

JSON names are camelCase; snake_case is accepted. Errors are problems (RFC 9457) that name field and reason. Where
`API_KEY` is set, send it as `Authorization: Bearer …` or `X-API-Key`; `/api/health` needs none."""


def create_served_app() -> FastAPI:
    """The application for a process that does nothing else."""
    refuse_pandas()
    # Answers come first: a thread that stores what was captured gives way after half a millisecond instead of five.
    sys.setswitchinterval(0.0005)
    return create_app(warmed_up=_keep_what_is_loaded)


def _keep_what_is_loaded() -> None:
    # Looking through all that was loaded for garbage stops every request for 100 to 300 ms.
    gc.collect()
    gc.freeze()


def create_app(settings: Settings | None = None, *, warmed_up: Callable[[], None] | None = None) -> FastAPI:
    """The application. Nothing is opened before it starts; model and index are then loaded in the background, and
    ``warmed_up`` is called when they are."""
    chosen = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        components = Components(chosen)
        app.state.components = components
        app.state.jobs = Jobs(open_shared_cache(chosen))
        app.state.probes = health.Probes(components)
        components.warm_up(warmed_up)
        yield
        await app.state.mcp.close()
        app.state.probes.close()
        app.state.jobs.close()
        components.close()

    app = FastAPI(
        title="AetherGrid",
        version=version("aethergrid-pipelines"),
        description=DESCRIPTION,
        lifespan=lifespan,
    )
    problems.install(app)
    hosts = Hosts([chosen.api_host, *chosen.allowed_host_names])
    app.add_middleware(Guard, key=chosen.api_key, most_bytes=MAX_BODY_BYTES, hosts=hosts)
    # Looked through in this order: what is asked most often comes first.
    for room in (ingest, query, contextual, memory, memory_ingest, conversations, stats, pipeline, adapters, health):
        app.include_router(room.router, prefix="/api")
    app.include_router(page.router)
    app.state.mcp = McpMount(lambda: app.state.components)
    app.router.routes.append(Route(PATH, endpoint=app.state.mcp, include_in_schema=False))
    return app
