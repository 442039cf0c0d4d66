"""Stores for one test: embedded ones in its own folder, or its own databases on real servers."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aethergrid_pipelines.flow.stores import Stores, open_stores
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines_tests.services import service

KINDS = ("embedded", "production")


@dataclass(frozen=True)
class Place:
    """The environment variables that select a test's stores; a child process gets the same."""

    variables: dict[str, str] = field(default_factory=dict)

    def settings(self) -> Settings:
        """The settings that a process in this environment reads."""
        before = dict(os.environ)
        os.environ.update(self.variables)
        try:
            return Settings()
        finally:
            os.environ.clear()
            os.environ.update(before)

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
    name = f"t{uuid.uuid4().hex[:12]}"
    own = servers or {}
    mongo, postgres = own.get("MONGODB_URL") or service("MONGODB_URL"), service("POSTGRES_URL")
    variables |= {
        "MONGODB_URL": mongo,
        "MONGODB_DATABASE": name,
        "POSTGRES_URL": f"{postgres.rsplit('/', 1)[0]}/{name}",
        "WEAVIATE_URL": own.get("WEAVIATE_URL") or service("WEAVIATE_URL"),
        "WEAVIATE_GRPC_PORT": own.get("WEAVIATE_GRPC_PORT") or service("WEAVIATE_GRPC_PORT"),
        "VECTOR_COLLECTION": name.capitalize(),
    }
    _on_postgres(postgres, f"CREATE DATABASE {name}")
    try:
        yield Place(variables)
    finally:
        _on_postgres(postgres, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        _drop_mongo(mongo, name)
        _drop_weaviate(variables)


def _on_postgres(url: str, statement: str) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _drop_mongo(url: str, database: str) -> None:
    import pymongo

    with pymongo.MongoClient[dict[str, object]](url) as client:
        client.drop_database(database)


def _drop_weaviate(variables: dict[str, str]) -> None:
    import weaviate
    from weaviate.config import AdditionalConfig

    host, port = variables["WEAVIATE_URL"].removeprefix("http://").split(":")
    client = weaviate.connect_to_local(
        host, int(port), int(variables["WEAVIATE_GRPC_PORT"]), additional_config=AdditionalConfig()
    )
    with client:
        client.alias.delete(alias_name=variables["VECTOR_COLLECTION"])
        for name in client.collections.list_all():
            if name.startswith(variables["VECTOR_COLLECTION"]):
                client.collections.delete(name)
