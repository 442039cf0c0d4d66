"""Settings in which every family's service is one server of the test."""

from collections.abc import Callable, Iterator

import pytest

from aethergrid_pipelines.adapters.protocol import Adapter
from aethergrid_pipelines.adapters.registry import Adapters, open_adapters
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines_tests.adapters.conversations import MODELS
from aethergrid_pipelines_tests.adapters.model_server import KEY, ModelServer

Open = Callable[..., Adapter]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    # Gemini's names have their path before them.
    listed = [name if family != "gemini" else f"models/{name}" for family, name in MODELS.items()]
    with ModelServer([{"id": "qwen2.5:7b"}, *({"id": name} for name in listed)], windows={"qwen2.5:7b": 32_768}) as one:
        yield one


def pointed(monkeypatch: pytest.MonkeyPatch, url: str, key: str | None = KEY) -> Settings:
    """Settings that send every family to ``url``."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    for name in ("OPENAI_BASE_URL", "GEMINI_BASE_URL", "LOCAL_BASE_URL"):
        monkeypatch.setenv(name, f"{url}/v1")
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "LOCAL_API_KEY"):
        if key is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, key)
    return Settings()


@pytest.fixture
def adapters(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adapters]:
    opened = open_adapters(pointed(monkeypatch, server.url))
    assert opened.refused == {}
    yield opened
    opened.close()
