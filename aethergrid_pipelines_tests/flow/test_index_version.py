"""What makes an answer stale, as every process sees it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aethergrid_pipelines.flow import index_version
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.forget import forget
from aethergrid_pipelines.flow.fragments import FragmentStep
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.stores.catalog import Catalog
from aethergrid_pipelines.stores.select import open_catalog
from aethergrid_pipelines_tests.flow.contents import put
from aethergrid_pipelines_tests.opened import Place

TEXTS = ["How do I roll back a migration?", "Run `alembic downgrade -1`."]


@pytest.fixture
def reader(there: Place) -> Iterator[Catalog]:
    """The catalog over a connection of its own, as another process has it."""
    catalog = open_catalog(there.settings())
    yield catalog
    catalog.close()


def test_every_write_and_every_erasure_gives_the_index_another_version(stores: Stores, reader: Catalog) -> None:
    seen = [index_version.current(reader)]
    one = put(stores, "a", TEXTS)
    materialise_all(stores, Scope(), run_id="r1")
    seen.append(index_version.current(reader))
    put(stores, "a", [*TEXTS, "Thank you, that worked."])
    materialise_all(stores, Scope(), run_id="r2")
    seen.append(index_version.current(reader))
    forget(stores, one, run_id="r3")
    seen.append(index_version.current(reader))

    assert len(set(seen)) == len(seen)


def test_a_run_that_changes_nothing_leaves_the_version(stores: Stores, reader: Catalog) -> None:
    put(stores, "a", TEXTS)
    materialise_all(stores, Scope(), run_id="r1")
    before = index_version.current(reader)
    put(stores, "a", TEXTS)
    materialise_all(stores, Scope(), run_id="r2")

    assert index_version.current(reader) == before


def test_a_write_that_broke_off_changes_the_version_once_it_is_repeated(
    stores: Stores, reader: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stores, "a", TEXTS)
    before = index_version.current(reader)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        # Sent, and not yet written down as done.
        patched.setattr("aethergrid_pipelines.flow.fragments._settle", killed)
        with pytest.raises(KeyboardInterrupt):
            materialise_all(stores, Scope(), run_id="r1")
    assert index_version.current(reader) == before
    reports = materialise_all(stores, Scope(), run_id="r2")

    assert next(one for one in reports if one.step == FragmentStep.name).counts["upserted"] == len(TEXTS)
    assert index_version.current(reader) != before


def test_two_catalogs_never_have_the_same_version(tmp_path: Path) -> None:
    catalogs = [Catalog(f"sqlite:///{tmp_path}/{name}.db", locks=tmp_path) for name in "ab"]
    versions = {index_version.current(catalog) for catalog in catalogs}
    for catalog in catalogs:
        catalog.close()

    assert len(versions) == 2
