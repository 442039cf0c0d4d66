"""``/mcp``: the same memory for clients of the Model Context Protocol, under the API's own key.

The SDK takes a second to import, so that is done for the first request that comes here.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from aethergrid_pipelines.api.components import Components

if TYPE_CHECKING:
    from starlette.applications import Starlette

PATH = "/mcp"


class McpMount:
    """An ASGI application that is made at its first request. ``components`` gives those of the running API."""

    def __init__(self, components: Callable[[], Components]) -> None:
        self._components = components
        self._app: Starlette | None = None
        self._making = asyncio.Lock()
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self._made())(scope, receive, send)

    async def close(self) -> None:
        """End its sessions; idempotent."""
        self._stop.set()
        if self._running is not None:
            await self._running

    async def _made(self) -> "Starlette":
        async with self._making:
            if self._app is None:
                app = await run_in_threadpool(self._make)
                begun = asyncio.Event()
                # Its task group has to end in the task that began it, which no request is.
                self._running = asyncio.create_task(self._run(app, begun))
                await begun.wait()
                self._app = app
            return self._app

    def _make(self) -> "Starlette":
        from aethergrid_pipelines.mcp_server.serving import http_app

        # This process does not run the flow's steps: what is remembered here is searchable a moment later.
        return http_app(self._components(), index=None, path=PATH)

    async def _run(self, app: "Starlette", begun: asyncio.Event) -> None:
        async with app.router.lifespan_context(app):
            begun.set()
            await self._stop.wait()
