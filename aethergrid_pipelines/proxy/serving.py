"""The proxy as a process: the application, its recorder, the spool and the conversation store behind it."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import httpx

from aethergrid_pipelines.capture.spool import open_spool
from aethergrid_pipelines.hosts import Hosts
from aethergrid_pipelines.proxy.app import Proxy, Upstreams
from aethergrid_pipelines.proxy.memory import Memory
from aethergrid_pipelines.proxy.prefixes import Prefixes
from aethergrid_pipelines.proxy.recorder import INTERFACES, Recorder
from aethergrid_pipelines.proxy.reminder import Reminder
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.conversations import ConversationStore
from aethergrid_pipelines.stores.select import open_conversation_store


@contextmanager
def capturing(settings: Settings) -> Iterator[Proxy]:
    """The application with everything behind it; at the end what waits is captured. Raises ``SpoolUnavailable`` and
    ``sqlite3.Error``."""

    @lru_cache(maxsize=1)
    def store() -> ConversationStore:
        return open_conversation_store(settings)

    spool = open_spool(settings, store)
    prefixes = Prefixes(settings.home_path / "proxy.db")
    recorder = Recorder(spool, prefixes, settings.space)
    upstreams = Upstreams(httpx.URL(settings.proxy_openai_upstream), httpx.URL(settings.proxy_anthropic_upstream))
    hosts = Hosts([settings.proxy_host, *settings.allowed_host_names])
    memory = Memory(
        settings.proxy_context_url or address_of_api(settings),
        settings.api_key,
        space=settings.space,
        timeout=settings.proxy_context_timeout,
    )
    reminder = Reminder(
        memory,
        tokens=settings.proxy_context_tokens,
        key=settings.api_key,
        hosts=hosts,
        going_on=recorder.going_on,
    )
    captured = recorder.take if settings.capture_enabled else None
    try:
        yield Proxy(upstreams, frozenset(INTERFACES), captured, reminder, hosts)
    finally:
        recorder.close()
        prefixes.close()
        spool.close()
        if store.cache_info().currsize:
            store().close()


def address_of_api(settings: Settings) -> str:
    """Where the API of these settings is on this machine."""
    host = settings.api_host
    if host in {"0.0.0.0", "::"}:  # noqa: S104 (it listens everywhere, hence also here)
        host = "127.0.0.1"
    return f"http://[{host}]:{settings.api_port}" if ":" in host else f"http://{host}:{settings.api_port}"


def serve(settings: Settings, *, port: int) -> None:
    """Serve until somebody ends it."""
    import uvicorn

    # Bytes go first: a thread that captures gives way after half a millisecond instead of five, and nobody waits while
    # all that was loaded is looked through for garbage.
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()
    with capturing(settings) as proxy:
        uvicorn.run(
            proxy,
            host=settings.proxy_host,
            port=port,
            log_level=settings.log_level.lower(),
            # Nothing of its own in an answer, and no line that holds an address with a key in it.
            server_header=False,
            date_header=False,
            access_log=False,
            proxy_headers=False,
            ws="none",
            # Longer than clients keep theirs, so that none is closed just as it is used again.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
