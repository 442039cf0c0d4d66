"""A running proxy between real clients and a local upstream."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from aethergrid_pipelines.proxy.serving import capturing
from aethergrid_pipelines.records.conversation import Message
from aethergrid_pipelines.settings import Settings, load_settings
from aethergrid_pipelines.stores.select import open_conversation_store
from aethergrid_pipelines_tests.proxy.upstream import Upstream

KEY = "sk-a-key-that-nobody-may-find"


@dataclass
class Running:
    """``stop`` it to have everything captured; ``url`` is what a client calls in place of the upstream's."""

    url: str
    settings: Settings
    server: uvicorn.Server
    thread: threading.Thread

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()

    def captured(self) -> list[list[Message]]:
        """Stop, and say what was captured: the messages of each conversation."""
        self.stop()
        store = open_conversation_store(self.settings)
        found = [list(store.messages([state.conversation.id])) for state in store.states()]
        store.close()
        return found


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.close()


def start(settings: Settings) -> Running:
    """Serve in a thread, on a port of its own."""
    server: list[uvicorn.Server] = []
    begun = threading.Event()

    def run() -> None:
        with capturing(settings) as proxy:
            config = uvicorn.Config(
                proxy, port=0, log_level="critical", server_header=False, date_header=False, access_log=False
            )
            server.append(uvicorn.Server(config))
            begun.set()
            server[0].run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert begun.wait(20)
    while not server[0].started:
        time.sleep(0.01)
    port = server[0].servers[0].sockets[0].getsockname()[1]
    return Running(f"http://127.0.0.1:{port}", settings, server[0], thread)


@pytest.fixture
def proxy(upstream: Upstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Running]:
    monkeypatch.setenv("PROXY_OPENAI_UPSTREAM", upstream.url)
    monkeypatch.setenv("PROXY_ANTHROPIC_UPSTREAM", upstream.url)
    running = start(load_settings())
    yield running
    running.stop()
