"""Databases and collections of one's own on servers, for a benchmark or a test; gone afterwards."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aethergrid_pipelines.settings import load_settings


@contextmanager
def own_databases() -> Iterator[dict[str, str]]:
    """The variables that select them on the servers that the settings name: MongoDB and Weaviate, and PostgreSQL and
    Redis where the settings name these.

    Ends the benchmark where a server that it needs has no address.
    """
    settings = load_settings()
    if settings.mongodb_url is None or not settings.weaviate_url:
        raise SystemExit("MONGODB_URL and WEAVIATE_URL are not both set: `make services` starts and prints them")
    addresses = {
        "MONGODB_URL": settings.mongodb_url.get_secret_value(),
        "WEAVIATE_URL": settings.weaviate_url,
        "WEAVIATE_GRPC_PORT": str(settings.weaviate_grpc_port),
    }
    if settings.redis_url is not None:
        addresses["REDIS_URL"] = settings.redis_url.get_secret_value()
    if settings.postgres_url is not None:
        addresses["POSTGRES_URL"] = settings.postgres_url.get_secret_value()
    with databases(f"bench{uuid.uuid4().hex[:12]}", addresses) as variables:
        yield variables


@contextmanager
def databases(name: str, addresses: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The variables that select databases and collections of this name, which are made and in the end dropped.

    ``addresses`` are variables, too: of MongoDB, of Weaviate, and of PostgreSQL where a database there is wanted.
    """
    variables = {**addresses, "MONGODB_DATABASE": name, "VECTOR_COLLECTION": name.capitalize()}
    postgres = addresses.get("POSTGRES_URL")
    if postgres:
        variables["POSTGRES_URL"] = f"{postgres.rsplit('/', 1)[0]}/{name}"
        _on_postgres(postgres, f"CREATE DATABASE {name}")
    try:
        yield variables
    finally:
        if postgres:
            _on_postgres(postgres, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        _drop_mongo(variables["MONGODB_URL"], name)
        delete_collections(variables)


def delete_collections(variables: Mapping[str, str]) -> None:
    """Take what ``VECTOR_COLLECTION`` names, and is the beginning of, off the Weaviate server."""
    import weaviate

    prefix = variables["VECTOR_COLLECTION"]
    host, port = variables["WEAVIATE_URL"].removeprefix("http://").split(":")
    with weaviate.connect_to_local(host, int(port), int(variables["WEAVIATE_GRPC_PORT"])) as client:
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
