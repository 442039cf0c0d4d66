"""What every run needs, imported once by the process that runs are forked from.

Nothing here may start a thread, which a fork would not have; hence no LanceDB, whose import does.
"""

import gc
import os

# As in checks/suite.py; it is read when Great Expectations is imported.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import dagster._cli.api
import great_expectations.data_context.types.base
import great_expectations.expectations
import pandas as pd

import aethergrid_pipelines.definitions
import aethergrid_pipelines.flow.stores

__all__ = ["aethergrid_pipelines", "dagster", "great_expectations", "pd"]

# What is here now is shared by all forks as long as nobody writes to it, as a collection would.
gc.collect()
gc.freeze()
