"""The real API over a memory that is built once, and what it was asked."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines.proxy.memory import PATH
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines_tests.conftest import MODELS
from aethergrid_pipelines_tests.mcp_server.memory import fill


@dataclass
class MemoryApi:
    """``asked`` are the bodies of what was asked for context."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def listening(self, app: ASGIApp) -> ASGIApp:
        """The application, overheard."""

        async def overheard(scope: Scope, receive: Receive, send: Send) -> None:
            body = b""

            async def receiving() -> Message:
                nonlocal body
                message = await receive()
                body += message.get("body", b"")
                if message["type"] == "http.request" and not message.get("more_body") and scope["path"] == PATH:
                    self.asked.append(json.loads(body))
                return message

            await app(scope, receiving, send)

        return overheard


@contextmanager
def memory_api(home: Path) -> Iterator[MemoryApi]:
    """Served in a thread, and ready to answer at once."""
    with pytest.MonkeyPatch.context() as patched:
        for name, known in Settings.model_fields.items():
            alias = known.validation_alias
            patched.delenv(alias if isinstance(alias, str) else name.upper(), raising=False)
        patched.setenv("AETHERGRID_HOME", str(home))
        patched.setenv("AETHERGRID_MODELS", MODELS)
        settings = Settings()
    fill(settings)
    found = MemoryApi()
    server = uvicorn.Server(uvicorn.Config(found.listening(create_app(settings)), port=0, log_level="critical"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    found.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    httpx.post(found.url + PATH, json={"task": "connections"}, timeout=120).raise_for_status()
    yield found
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()
