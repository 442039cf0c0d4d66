"""Databases and collections of a benchmark's own, on the servers that the settings name; gone afterwards."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from aethergrid_pipelines.settings import Settings, load_settings


@contextmanager
def own_databases() -> Iterator[dict[str, str]]:
    """The variables that select them: MongoDB and Weaviate, and PostgreSQL and Redis where the settings name these.

    Ends the benchmark where a server that it needs has no address.
    """
    settings = load_settings()
    if settings.mongodb_url is None or not settings.weaviate_url:
        raise SystemExit("MONGODB_URL and WEAVIATE_URL are not both set: `make services` starts and prints them")
    name = f"bench{uuid.uuid4().hex[:12]}"
    variables = {
        "MONGODB_URL": settings.mongodb_url.get_secret_value(),
        "MONGODB_DATABASE": name,
        "WEAVIATE_URL": settings.weaviate_url,
        "WEAVIATE_GRPC_PORT": str(settings.weaviate_grpc_port),
        "VECTOR_COLLECTION": name.capitalize(),
    }
    if settings.redis_url is not None:
        variables["REDIS_URL"] = settings.redis_url.get_secret_value()
    postgres = settings.postgres_url and settings.postgres_url.get_secret_value()
    if postgres:
        variables["POSTGRES_URL"] = f"{postgres.rsplit('/', 1)[0]}/{name}"
        _on_postgres(postgres, f"CREATE DATABASE {name}")
    try:
        yield variables
    finally:
        if postgres:
            _on_postgres(postgres, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        _drop_mongo(variables["MONGODB_URL"], name)
        delete_collections(settings, name.capitalize())


def delete_collections(settings: Settings, prefix: str) -> None:
    """Take what a benchmark made off the Weaviate server."""
    import weaviate

    host, port = (settings.weaviate_url or "").removeprefix("http://").split(":")
    with weaviate.connect_to_local(host, int(port), settings.weaviate_grpc_port) as client:
        client.alias.delete(alias_name=prefix)
        for name in client.collections.list_all():
            if name.startswith(prefix):
                client.collections.delete(name)


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
