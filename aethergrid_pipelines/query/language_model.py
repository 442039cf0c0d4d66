"""Models that answer: a prompt in, a text as it is written out."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol


class ModelFailure(Exception):
    """There is no answer; the message says why and, where somebody can, what to do. Never holds a key."""


class NoModel(ModelFailure):
    """No model is configured; the message names the settings."""


class ModelRefused(ModelFailure):
    """The service refuses the request (key, model, size): asking again is of no use."""


class ModelUnavailable(ModelFailure):
    """The service cannot be reached, is overloaded or broke off, and went on so when it was asked again."""


class ModelTimeout(ModelFailure):
    """The answer did not come within its time."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """``model`` is what the service calls the one that is asked. ``system`` says how to answer, ``user`` holds passages
    and question. ``max_tokens`` bounds the answer."""

    model: str
    system: str
    user: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The last thing of a stream. ``cut``: the answer reached ``max_tokens``. Tokens are those of the service's account
    and ``None`` where it gives none."""

    cut: bool
    input_tokens: int | None = None
    output_tokens: int | None = None


class LanguageModel(Protocol):
    """One service. Thread-safe. ``name`` is the model that is asked where nobody names one."""

    name: str

    def stream(self, prompt: Prompt) -> Generator[str | Finished, None, None]:
        """Pieces of the answer as they come, then one :class:`Finished`. Before the first piece two more attempts are
        made where that can help. Closing the iterator ends the request. Raises :class:`ModelFailure`."""
        ...

    def close(self) -> None:
        """Release connections; idempotent."""
        ...
