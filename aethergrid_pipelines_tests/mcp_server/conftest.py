"""The server before a memory that is built once; what writes gets a home of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.api.components import Components
from aethergrid_pipelines.mcp_server.remembering import indexing
from aethergrid_pipelines.mcp_server.server import MemoryServer
from aethergrid_pipelines_tests.conftest import MODELS
from aethergrid_pipelines_tests.mcp_server.memory import fill
from aethergrid_pipelines_tests.opened import Place
from aethergrid_pipelines_tests.services import SERVICE_VARIABLES


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    variables = {"AETHERGRID_HOME": str(tmp_path_factory.mktemp("memory") / "home"), "AETHERGRID_MODELS": MODELS}
    # Made before the first test, hence before it is kept from the developer's own environment.
    with pytest.MonkeyPatch.context() as patched:
        for name in SERVICE_VARIABLES:
            patched.delenv(name, raising=False)
        fill(Place(variables).settings())
    return Place(variables)


@pytest.fixture
def copied(filled: Place, tmp_path: Path) -> Place:
    """The same memory, to write to."""
    home = tmp_path / "copied"
    shutil.copytree(filled.variables["AETHERGRID_HOME"], home)
    return Place({**filled.variables, "AETHERGRID_HOME": str(home)})


@pytest.fixture
def server(filled: Place) -> Iterator[MemoryServer]:
    components = Components(filled.settings())
    yield MemoryServer(components, None)
    components.close()


@pytest.fixture
def writing(copied: Place) -> Iterator[MemoryServer]:
    components = Components(copied.settings())
    yield MemoryServer(components, indexing(components))
    components.close()
