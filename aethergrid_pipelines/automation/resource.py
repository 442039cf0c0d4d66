"""The Dagster resource through which assets, checks, sensors and jobs reach the stores."""

from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

if TYPE_CHECKING:
    from aethergrid_pipelines.flow.stores import Stores


class StoresResource(dg.ConfigurableResource[Any]):
    """Opens the stores that the settings select at first use, and closes them when the run or the tick is over."""

    _stores: "Stores | None" = PrivateAttr(default=None)

    def open(self) -> "Stores":
        """The stores of this process."""
        from aethergrid_pipelines.flow.stores import open_stores
        from aethergrid_pipelines.settings import load_settings

        if self._stores is None:
            self._stores = open_stores(load_settings())
        return self._stores

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._stores is not None:
            self._stores.close()
            self._stores = None
