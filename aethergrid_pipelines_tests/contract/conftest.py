"""Every implementation of what the contract tests are about."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.stores.conversations import ConversationStore
from aethergrid_pipelines_tests.contract.conversations import Open, mongo_stores, sqlite_stores


@pytest.fixture(params=["sqlite", "mongo"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    if request.param == "sqlite":
        with sqlite_stores(tmp_path) as stores:
            yield stores
    else:
        with mongo_stores(request.getfixturevalue("mongodb_url")) as stores:
            yield stores


@pytest.fixture
def store(open_store: Open) -> ConversationStore:
    return open_store()
