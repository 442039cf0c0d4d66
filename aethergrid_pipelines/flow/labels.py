"""The vectors of the described labels, embedded once by each embedder and kept beside its model."""

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

from aethergrid_pipelines.flow.stores import Stores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from aethergrid_pipelines.transform.enrich import Enricher

_opening = Lock()


def open_enricher(stores: Stores) -> "Enricher":
    """The enricher for the current embedder. Raises ``EmbedderUnavailable`` when its labels cannot be embedded."""
    from aethergrid_pipelines.transform.enrich import Enricher

    # The first two batches of a run want it at once.
    with _opening:
        if stores.enricher is None:
            stores.enricher = Enricher.from_embedder(lambda texts: _label_vectors(stores, texts))
        return stores.enricher


def _label_vectors(stores: Stores, texts: Sequence[str]) -> "NDArray[np.float32]":
    """The vectors of these texts from the file that an earlier process left, else embedded and left there."""
    import numpy as np

    from aethergrid_pipelines.embedders.model_files import replacing
    from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable
    from aethergrid_pipelines.flow.state import digest

    embedder, models = stores.embedder, stores.settings.models_path
    # Plain little-endian floats, shape (texts, dimension). NumPy's own format has a header that is parsed as Python,
    # which two threads may not do at once before 3.11.5 (https://github.com/python/cpython/issues/106905).
    file = models / f"labels-{digest(embedder.name, *texts)}.f32"
    if file.exists():
        return np.fromfile(file, "<f4").reshape(len(texts), -1)
    embedded = embedder.embed(texts)
    if embedded.failures:
        failure = next(iter(embedded.failures.values()))
        raise EmbedderUnavailable(f"{embedder.name} could not embed the labels of topics: {failure.reason}")
    models.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary:
        embedded.vectors.astype("<f4").tofile(temporary)
    return embedded.vectors
