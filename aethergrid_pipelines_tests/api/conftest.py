"""The application over real stores, as its clients see it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines.api.components import Components
from aethergrid_pipelines_tests.opened import Place, place


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Place]:
    with place("embedded", tmp_path / "home") as found:
        yield found


@pytest.fixture
def client(embedded: Place) -> Iterator[TestClient]:
    with TestClient(create_app(embedded.settings())) as found:
        yield found


def components(client: TestClient) -> Components:
    """What the application of this client works with."""
    found: Components = client.app.state.components  # type: ignore[attr-defined]
    return found


def materialise(client: TestClient) -> None:
    """Let the six steps run over everything, as the sensor would."""
    from aethergrid_pipelines.flow.engine import materialise_all
    from aethergrid_pipelines.flow.scope import Scope

    materialise_all(components(client).stores(), Scope(), run_id=f"test-{uuid.uuid4()}")


def post(client: TestClient, *records: Any, **given: Any) -> dict[str, Any]:
    """Ingest records and return the answer, which has to be 200."""
    response = client.post("/api/ingest", json=list(records), **given)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found
