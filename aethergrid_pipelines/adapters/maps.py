"""From one vector space to another. Maps are declared here and learned elsewhere: none comes with this release."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.adapters.protocol import NoMap, Space

Maps = Mapping[tuple[Space, Space], NDArray[np.float32]]
"""By (from, to): a matrix of shape (dimensions of ``from``, dimensions of ``to``)."""

KNOWN: Maps = {}


def normalised(vector: NDArray[np.floating[Any]], *, of: Space, to: Space, maps: Maps = KNOWN) -> NDArray[np.float32]:
    """See :meth:`aethergrid_pipelines.adapters.protocol.Adapter.normalise`.

    Equal dimensions are no map: two models that both have 1,536 mean different things by each of them.
    """
    if vector.shape != (of.dimensions,):
        raise ValueError(f"a vector of {of.name} has shape ({of.dimensions},), not {vector.shape}")
    if of != to:
        matrix = maps.get((of, to))
        if matrix is None:
            raise NoMap(
                f"no map is known from {of.name} ({of.dimensions} dimensions) to {to.name} ({to.dimensions} "
                f"dimensions): embed the text with {to.name} instead"
            )
        vector = vector @ matrix
    found = vector.astype(np.float64)
    length = float(np.linalg.norm(found))
    if not np.isfinite(length) or length == 0.0:
        raise ValueError(f"a vector of {of.name} is zero or not finite, so it has no direction")
    return (found / length).astype(np.float32)
