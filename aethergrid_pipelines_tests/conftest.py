"""Fixtures that every test may use: a home of its own, and the servers that ``make services`` starts."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.settings import Settings, load_settings
from aethergrid_pipelines_tests.opened import KINDS, Place, place
from aethergrid_pipelines_tests.services import service

# The same examples on every machine, however busy it is, and no folder of examples left behind.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")

# Building the model's graph takes seconds, so all tests, workers and runs share one folder; its files are keyed by
# what they were built from and appear whole.
MODELS = os.environ.get("AETHERGRID_MODELS") or str(Path(tempfile.gettempdir()) / "aethergrid-test-models")


@pytest.fixture(autouse=True, scope="session")
def _without_own_settings() -> Iterator[None]:
    """Nothing of the developer's own environment reaches a test: neither stores nor keys. What a module's tests share
    is made before each of them is isolated, so it must not be there by then."""
    with pytest.MonkeyPatch.context() as environment:
        for name, field in Settings.model_fields.items():
            alias = field.validation_alias
            environment.delenv(alias if isinstance(alias, str) else name.upper(), raising=False)
        environment.setenv("AETHERGRID_MODELS", MODELS)
        load_settings.cache_clear()
        yield


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A home and a working folder of its own."""
    monkeypatch.setenv("AETHERGRID_HOME", str(tmp_path / "home"))
    # The name that Starlette's test client asks by.
    monkeypatch.setenv("ALLOWED_HOSTS", "testserver")
    monkeypatch.chdir(tmp_path)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture(scope="session")
def models() -> Path:
    """Where the local model's files are, shared by all tests."""
    return Path(MODELS)


@pytest.fixture(params=KINDS)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """The embedded stores, then the real servers."""
    with place(request.param, tmp_path / "home") as found:
        yield found


@pytest.fixture
def stores(there: Place) -> Iterator[Stores]:
    """The same, opened."""
    with there.open() as opened:
        yield opened


@pytest.fixture
def mongodb_url() -> str:
    """A MongoDB replica set."""
    return service("MONGODB_URL")


@pytest.fixture
def postgres_url() -> str:
    """A PostgreSQL server on which databases may be created."""
    return service("POSTGRES_URL")


@pytest.fixture
def redis_url() -> str:
    """A Redis server."""
    return service("REDIS_URL")


@pytest.fixture
def weaviate_address() -> tuple[str, int]:
    """The HTTP address of a Weaviate server and its gRPC port."""
    return service("WEAVIATE_URL"), int(service("WEAVIATE_GRPC_PORT"))
