"""What all model families have in common; a file of its own says what is particular to each."""

import abc
import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.adapters.maps import normalised
from aethergrid_pipelines.adapters.protocol import INTERFACE, Health, Space, UnfitConversation
from aethergrid_pipelines.adapters.service import Service
from aethergrid_pipelines.capture.fields import UnfitField
from aethergrid_pipelines.capture.posted import PostedRecord, store_posted
from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.embedders.protocol import Embedded, Embedder
from aethergrid_pipelines.query.contextual import Packer
from aethergrid_pipelines.query.pack_records import Pack, PackRequest
from aethergrid_pipelines.settings import Settings

SHARE = 8
"""A pack takes at most an eighth of what the model reads: the rest is for the task itself."""
MOST_TOKENS = 8_000
"""More passages than that distract more than they help."""


class Family(abc.ABC):
    """An adapter but for what a family has to say: the class attributes, :meth:`service`, :meth:`open_embedder` and
    :meth:`record`. Its ``name`` is the source of what it captures.

    ``windows`` gives the context window by the beginning of a model's name, ``window`` that of any other.
    """

    name: str
    interface: str = INTERFACE
    version: str
    default_model: ClassVar[str]
    windows: ClassVar[Mapping[str, int]] = {}
    window: ClassVar[int]

    def __init__(self, settings: Settings, model: str | None = None) -> None:
        self.settings = settings
        self._model = model
        self._lock = threading.Lock()
        self._embedder: Embedder | None = None

    @abc.abstractmethod
    def service(self) -> Service:
        """Where the family's models are."""

    def open_embedder(self) -> Embedder:
        """The family's embedding model; for one that has none, that of the settings."""
        from aethergrid_pipelines.embedders.select import open_embedder

        return open_embedder(self.settings)

    @abc.abstractmethod
    def record(self, conversation: Mapping[str, Any]) -> dict[str, Any]:
        """A conversation of the family's form in the documented one (docs/capture/generic.md). Raises
        ``UnfitField``."""

    @property
    def model_name(self) -> str:
        return self._model or self.default_model

    @property
    def vector_dimensions(self) -> int:
        return self.embedder.dimension

    @property
    def max_context_window(self) -> int:
        name = self.model_name.rpartition("/")[2]
        known = [beginning for beginning in self.windows if name.startswith(beginning)]
        return self.windows[max(known, key=len)] if known else self.window

    @property
    def embedder(self) -> Embedder:
        """Opened at its first use."""
        with self._lock:
            if self._embedder is None:
                self._embedder = self.open_embedder()
            return self._embedder

    def capture(
        self, conversation: Mapping[str, Any], *, spool: Spool, space: str, received: dt.datetime
    ) -> list[PostedRecord]:
        try:
            record = {"source": self.name, **self.record(conversation)}
        except UnfitField as error:
            raise UnfitConversation(f"{error.field}: {error.reason}") from error
        return store_posted([record], spool=spool, space=space, received=received)

    def embed(self, texts: Sequence[str]) -> Embedded:
        return self.embedder.embed(texts)

    def normalise(self, vector: NDArray[np.floating[Any]], *, of: Space, to: Space) -> NDArray[np.float32]:
        return normalised(vector, of=of, to=to)

    def query(self, packer: Packer, task: str, *, token_budget: int | None = None) -> Pack:
        budget = min(self.max_context_window // SHARE, MOST_TOKENS) if token_budget is None else token_budget
        given = {"task": task, "token_budget": min(budget, self.max_context_window), "model": self.model_name or None}
        return packer.pack(PackRequest.model_validate(given))

    def health(self) -> Health:
        return self.service().health(self._model or self.default_model or None)

    def close(self) -> None:
        with self._lock:
            embedder, self._embedder = self._embedder, None
        if embedder is not None:
            embedder.close()
