"""What the steps of one batch made, for those after them, which then need not read it from the catalog again.

It is in the catalog as well, where whoever finds nothing here reads it.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from aethergrid_pipelines.flow.scope import Output, Stale


class HandedOn:
    """Rows by step and conversation, and vectors by the hash of their text; of one batch, and gone with it.

    Output versions are made of the rows, so rows of the version that is asked for are those in the catalog, whoever
    wrote there meanwhile.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], tuple[str, list[dict[str, Any]]]] = {}
        self.vectors: dict[str, bytes] = {}
        """Little-endian float32, as the catalog keeps them."""

    def give(self, step: str, outputs: Mapping[str, Output], rows: Mapping[str, list[dict[str, Any]]]) -> None:
        """Leave the rows that a step recorded with these outputs."""
        for conversation, output in outputs.items():
            self._rows[step, conversation] = (output.version, rows[conversation])

    def take(self, step: str, batch: Sequence[Stale], order: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """The rows of those conversations of a batch of which this step's are here, ordered by these columns. Nobody
        else finds them here afterwards."""
        found = {}
        for item in batch:
            version, rows = self._rows.pop((step, item.conversation_id), ("", []))
            if version == item.input_version:
                found[item.conversation_id] = sorted(rows, key=itemgetter(*order))
        return found
