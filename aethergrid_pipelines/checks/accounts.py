"""The check of what capture says: every record that was read has one outcome."""

from typing import TYPE_CHECKING

import dagster as dg

from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.checks.frames import MAX_ROWS
from aethergrid_pipelines.checks.suite import validate
from aethergrid_pipelines.flow.accounts import file_accounts, imbalance
from aethergrid_pipelines.flow.stores import Stores

if TYPE_CHECKING:
    import pandas as pd


@dg.asset_check(asset="raw_conversations")
def records_are_accounted_for(stores: StoresResource) -> dg.AssetCheckResult:
    """In the account of every imported file: read = stored + merged + skipped + rejected, and every reject is kept.

    It blocks nothing: what was stored is sound, whatever was counted.
    """
    return accounts_add_up(stores.open())


def accounts_add_up(stores: Stores) -> dg.AssetCheckResult:
    """The result over all files; those that do not add up come first where there are many."""
    import great_expectations.expectations as gxe

    return validate(
        "accounts",
        account_frame(stores),
        [
            gxe.ExpectColumnValuesToBeInSet(column="unaccounted", value_set=[0]),
            gxe.ExpectColumnValuesToBeNull(column="problem"),
        ],
    )


def account_frame(stores: Stores) -> "pd.DataFrame":
    """A row a file: ``source``, ``path``, ``read``, ``unaccounted``, ``problem`` (with the file's path, or nothing)."""
    import pandas as pd

    with stores.catalog.reading() as connection:
        rows = []
        for file in file_accounts(connection):
            problem = imbalance(file)
            told = f"{file.path}: {problem}" if problem else None
            rows.append((file.source, file.path, file.read, file.unaccounted, told))
    rows.sort(key=lambda row: row[-1] is None)
    return pd.DataFrame(rows[:MAX_ROWS], columns=["source", "path", "read", "unaccounted", "problem"])
