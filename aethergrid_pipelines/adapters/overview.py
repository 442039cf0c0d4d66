"""All adapters with what they say of themselves, for people and programs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aethergrid_pipelines.adapters.protocol import Adapter, Health
from aethergrid_pipelines.adapters.registry import Adapters
from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable, UnknownEmbedder

THREADS = 8


@dataclass(frozen=True, slots=True)
class AdapterState:
    """``vector_dimensions`` is ``None`` where the service would have to be asked and cannot be; ``health`` where nobody
    asked for it."""

    name: str
    interface: str
    version: str
    model_name: str
    vector_dimensions: int | None
    max_context_window: int
    health: Health | None


def states(adapters: Adapters, *, with_health: bool = True) -> list[AdapterState]:
    """One after the other in the order of their names; services are asked at the same time."""
    names = sorted(adapters.found)
    if not names:
        return []
    with ThreadPoolExecutor(min(THREADS, len(names)), thread_name_prefix="adapters") as threads:
        return list(threads.map(lambda name: _state(adapters.found[name], with_health=with_health), names))


def _state(adapter: Adapter, *, with_health: bool) -> AdapterState:
    try:
        dimensions: int | None = adapter.vector_dimensions
    except (EmbedderUnavailable, UnknownEmbedder):
        dimensions = None
    return AdapterState(
        name=adapter.name,
        interface=adapter.interface,
        version=adapter.version,
        model_name=adapter.model_name,
        vector_dimensions=dimensions,
        max_context_window=adapter.max_context_window,
        health=adapter.health() if with_health else None,
    )
