"""A Dagster instance whose runs are Celery tasks, on production stores of one's own; for a benchmark or a test."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.servers import REPOSITORY


@contextmanager
def celery_instance(folder: Path, stores: Mapping[str, str], **changes: Any) -> Iterator[dict[str, str]]:
    """The variables of its processes, which embed on one thread; what they made is gone afterwards.

    It is that of ``docker/dagster.celery.yaml``, where ``changes`` take the place of sections, in ``folder``, with a
    database beside the catalog's. ``stores`` are the variables of the stores: PostgreSQL, Redis and the collection.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url

    folder.mkdir()
    config = yaml.safe_load((REPOSITORY / "docker/dagster.celery.yaml").read_text()) | changes
    config["compute_logs"]["config"]["base_dir"] = str(folder / "printed")
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
    url, name = make_url(stores["POSTGRES_URL"]), f"dagster{uuid.uuid4().hex[:12]}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield {
            "DAGSTER_HOME": str(folder),
            "EMBEDDING_THREADS": "1",
            "DAGSTER_POSTGRES_HOST": url.host or "127.0.0.1",
            "DAGSTER_POSTGRES_PORT": str(url.port or 5432),
            "DAGSTER_POSTGRES_USER": url.username or "",
            "DAGSTER_POSTGRES_PASSWORD": url.password or "",
            "DAGSTER_POSTGRES_DB": name,
        }
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()
        _forget_tasks(stores["REDIS_URL"], stores["VECTOR_COLLECTION"])


def _forget_tasks(url: str, collection: str) -> None:
    from redis import Redis

    with Redis.from_url(url) as client:
        for key in client.scan_iter(match=f"aethergrid:celery:{collection}:*"):
            client.delete(key)
