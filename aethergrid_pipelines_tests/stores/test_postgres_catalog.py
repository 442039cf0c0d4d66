"""A catalog on PostgreSQL whose connections break while nobody uses them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from aethergrid_pipelines.stores import catalog as catalog_module
from aethergrid_pipelines.stores.catalog import Catalog
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines_tests.opened import place

OTHERS = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with place("production", tmp_path / "home") as there, there.open() as stores:
        yield stores.catalog


@pytest.fixture
def other(catalog: Catalog) -> Iterator[Connection]:
    """A connection of nobody's pool."""
    with catalog.engine.connect() as connection:
        connection.detach()
        yield connection


def test_one_that_broke_while_it_rested_is_replaced_unnoticed(
    catalog: Catalog, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.ping()
    assert other.execute(OTHERS).scalar_one() > 0
    monkeypatch.setattr(catalog_module, "UNASKED_SECONDS", -1.0)
    catalog.ping()
    with catalog.writing() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_one_that_broke_a_moment_ago_is_said_to_be_gone_and_the_next_one_works(
    catalog: Catalog, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "UNASKED_SECONDS", 60.0)
    catalog.ping()
    assert other.execute(OTHERS).scalar_one() > 0
    with pytest.raises(StoreUnavailable, match="catalog"):
        catalog.ping()
    catalog.ping()


def test_a_read_begins_no_transaction_and_a_write_does(catalog: Catalog) -> None:
    transaction = text("SELECT txid_current()")
    with catalog.reading() as connection:
        assert connection.execute(transaction).scalar_one() != connection.execute(transaction).scalar_one()
    with catalog.writing() as connection:
        assert connection.execute(transaction).scalar_one() == connection.execute(transaction).scalar_one()


def test_a_read_that_is_streamed_has_a_cursor_on_the_server(catalog: Catalog) -> None:
    with catalog.reading(streamed=True) as connection:
        rows = connection.execution_options(yield_per=10).execute(text("SELECT * FROM generate_series(1, 100)"))
        assert sum(rows.scalars()) == 5_050
