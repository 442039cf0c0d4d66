"""``GET /api/health``: each component is really asked."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from fastapi import APIRouter, Request, Response

from aethergrid_pipelines.api.components import UNREADY, Components
from aethergrid_pipelines.query.records import Record

PROBE_SECONDS = 4.0
EMBEDDER_SECONDS = 60.0
"""How long an embedder that worked is believed: asking a paid service at every probe would cost."""

router = APIRouter(tags=["operation"])


class ComponentHealth(Record):
    """``latency_ms`` of the probe; ``reason`` why it failed, told only to those who may ask everything."""

    status: Literal["ok", "down"]
    latency_ms: float
    reason: str | None = None


class Health(Record):
    """``down`` when one component that is needed is."""

    status: Literal["ok", "down"]
    version: str
    components: dict[str, ComponentHealth]


class Probes:
    """Asks all components at once. One that hangs is not asked again before it answers, so threads do not pile up."""

    def __init__(self, components: Components) -> None:
        self._components = components
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="probe")
        self._running: dict[str, asyncio.Future[ComponentHealth]] = {}
        self._embedded_at = -EMBEDDER_SECONDS
        self._asked: dict[str, Callable[[], None]] = {
            "conversationStore": lambda: components.conversations.ping(),  # noqa: PLW0108 (opened when asked)
            "catalog": lambda: components.catalog.ping(),  # noqa: PLW0108 (opened when asked)
            "vectorStore": lambda: components.vectors.ping(),  # noqa: PLW0108 (opened when asked)
            "embedder": self._embed,
        }

    async def all(self) -> dict[str, ComponentHealth]:
        """The health of each component, after at most ``PROBE_SECONDS``."""
        names = list(self._asked)
        found = await asyncio.gather(*(self._one(name) for name in names))
        return dict(zip(names, found, strict=True))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _one(self, name: str) -> ComponentHealth:
        running = self._running.get(name)
        if running is None or running.done():
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._threads, self._probe, name)
            self._running[name] = running
        try:
            return await asyncio.wait_for(asyncio.shield(running), PROBE_SECONDS)
        except TimeoutError:
            milliseconds = PROBE_SECONDS * 1_000
            return ComponentHealth(
                status="down", latency_ms=milliseconds, reason=f"no answer within {PROBE_SECONDS:g} s"
            )

    def _probe(self, name: str) -> ComponentHealth:
        started = time.perf_counter()
        reason = None
        try:
            self._asked[name]()
        except (*UNREADY, OSError) as error:
            reason = str(error)
        took = round((time.perf_counter() - started) * 1_000, 2)
        return ComponentHealth(status="down" if reason else "ok", latency_ms=took, reason=reason)

    def _embed(self) -> None:
        if time.monotonic() - self._embedded_at > EMBEDDER_SECONDS:
            self._components.embedder.embed_query("health")
            self._embedded_at = time.monotonic()


@router.get("/health", responses={503: {"model": Health, "description": "A component that is needed is down"}})
async def health(request: Request, response: Response) -> Health:
    """Whether questions can be answered and conversations taken in: 200, or 503 with what is down."""
    probes: Probes = request.app.state.probes
    found = await probes.all()
    if not request.state.trusted:
        found = {name: one.model_copy(update={"reason": None}) for name, one in found.items()}
    down = any(one.status == "down" for one in found.values())
    response.status_code = 503 if down else 200
    response.headers["Cache-Control"] = "no-store"
    return Health(status="down" if down else "ok", version=request.app.version, components=found)
