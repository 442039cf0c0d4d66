"""Catalogs of earlier versions are brought up to date with all that is in them."""

import pytest
from alembic import command

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.stores.migrations import alembic_config, upgrade_catalog
from aethergrid_pipelines_tests.flow.contents import everything, put


@pytest.mark.parametrize("version", ["0006", "0007"])
def test_a_catalog_of_an_earlier_version_keeps_its_rows(stores: Stores, version: str) -> None:
    put(stores, "river", ["Where do the otters live?", "By the river, and in the 🦦 house of the zoo."])
    put(stores, "sea", ["And the seals?", "By the sea."])
    materialise_all(stores, Scope(), run_id="before")
    before = everything(stores)
    with stores.catalog.writing() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, version)
    upgrade_catalog(stores.catalog.engine)
    assert everything(stores) == before
    put(stores, "sea", ["And the seals?", "By the sea.", "Which one?"])
    reports = {report.step: report for report in materialise_all(stores, Scope(), run_id="after")}
    assert {step: report.processed for step, report in reports.items()} == dict.fromkeys(reports, 1)
