"""Stores for one test: embedded ones in its own folder, or its own databases on real servers."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from aethergrid_pipelines.flow.stores import Stores, open_stores
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines_tests.services import service
from benchmarks.production import databases

KINDS = ("embedded", "production")


@dataclass(frozen=True)
class Place:
    """The environment variables that select a test's stores; a child process gets the same."""

    variables: dict[str, str] = field(default_factory=dict)

    def settings(self) -> Settings:
        """The settings that a process in this environment reads."""
        with mock.patch.dict(os.environ, self.variables):
            return Settings()

    def open(self) -> Stores:
        """Open the stores; the caller closes them."""
        return open_stores(self.settings())


@contextmanager
def place(kind: str, home: Path, servers: Mapping[str, str] | None = None) -> Iterator[Place]:
    """A place of this kind. What it made on servers is dropped at the end. ``servers`` are addresses that are to be
    used instead of those of ``make services``."""
    variables = {"AETHERGRID_HOME": str(home)}
    if kind == "embedded":
        yield Place(variables)
        return
    own = servers or {}
    addresses = {
        "MONGODB_URL": own.get("MONGODB_URL") or service("MONGODB_URL"),
        "POSTGRES_URL": service("POSTGRES_URL"),
        "WEAVIATE_URL": own.get("WEAVIATE_URL") or service("WEAVIATE_URL"),
        "WEAVIATE_GRPC_PORT": own.get("WEAVIATE_GRPC_PORT") or service("WEAVIATE_GRPC_PORT"),
    }
    with databases(f"t{uuid.uuid4().hex[:12]}", addresses) as found:
        yield Place(variables | found)
