"""What an adapter is: the same few things of every model family.

An interface version is ``major.minor``. Another major version cannot be used; neither can a later minor one, which may
rely on what this installation does not have.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.capture.posted import PostedRecord
from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.embedders.protocol import Embedded
from aethergrid_pipelines.query.contextual import Packer
from aethergrid_pipelines.query.pack_records import Pack

INTERFACE = "1.0"


Key = Literal["set", "missing", "refused", "not needed"]


class NoMap(Exception):
    """No map is known from the space of a vector to the one that is asked for; the message names both."""


class UnfitConversation(ValueError):
    """A conversation is not in the form of this model family; the message names the field."""


@dataclass(frozen=True, slots=True)
class Space:
    """The vector space of an embedding model: its name, and how many dimensions its vectors have."""

    name: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class Health:
    """``state``: ``ok`` works; ``unset``: nobody configured it; ``broken``: it is configured and does not work.

    ``reachable`` and ``model_there`` are ``None`` where that was not asked; ``key`` is that of the service.
    """

    state: Literal["ok", "unset", "broken"]
    reachable: bool | None
    key: Key
    model_there: bool | None
    detail: str
    milliseconds: float | None = None


class Adapter(Protocol):
    """Thread-safe. Nothing is contacted before a method is called. ``interface`` is the version of this protocol that
    the adapter was written for, ``version`` its own."""

    name: str
    interface: str
    version: str

    @property
    def model_name(self) -> str:
        """The model that is meant, as its service calls it; empty where only the service knows and does not answer."""
        ...

    @property
    def vector_dimensions(self) -> int:
        """Of the vectors that :meth:`embed` gives. Raises ``EmbedderUnavailable`` where that has to be asked."""
        ...

    @property
    def max_context_window(self) -> int:
        """How many tokens the model reads at once."""
        ...

    def capture(
        self, conversation: Mapping[str, Any], *, spool: Spool, space: str, received: dt.datetime
    ) -> list[PostedRecord]:
        """Take in a conversation in the form of the family's API; each message has its outcome, and sending it again
        stores nothing twice. Raises :class:`UnfitConversation` and ``SpoolUnavailable``."""
        ...

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Vectors by the family's embedding model, float32 of shape (texts, ``vector_dimensions``), each of length 1.
        Raises ``EmbedderUnavailable``."""
        ...

    def normalise(self, vector: NDArray[np.floating[Any]], *, of: Space, to: Space) -> NDArray[np.float32]:
        """A vector of one space as a vector of length 1 in another. Raises :class:`NoMap` where no map is known, and
        ``ValueError`` for a vector that is not of ``of``, is not finite, or is zero."""
        ...

    def query(self, packer: Packer, task: str, *, token_budget: int | None = None) -> Pack:
        """What the memory holds for a task, counted as the model counts and within what it reads. Raises what a
        search raises, and ``pydantic.ValidationError``."""
        ...

    def health(self) -> Health:
        """Whether its service answers, accepts the key and offers the model; takes some seconds at most."""
        ...

    def close(self) -> None:
        """Release what was opened; idempotent."""
        ...
