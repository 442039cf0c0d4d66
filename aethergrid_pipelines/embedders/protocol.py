"""Text → vectors. Implementations are in this folder, one file each; :mod:`.select` picks one by its setting."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class EmbedderUnavailable(Exception):
    """The embedder cannot work now (no network, no weights, no key); the message says what to do."""


class UnknownEmbedder(Exception):
    """There is no embedder of this name; the message lists those that exist."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one text has no vector, and whether another attempt may succeed."""

    reason: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Embedded:
    """``vectors`` is float32 of shape (texts, dimension), each row of length 1; rows of ``failures`` are zero."""

    vectors: NDArray[np.float32]
    failures: dict[int, Failure] = field(default_factory=dict)


class Tokenizer(Protocol):
    """Counts and cuts text as the embedder's model does."""

    name: str

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """The (start, end) character offsets of each token of ``text``, without special tokens."""
        ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, without special tokens."""
        ...


class Embedder(Protocol):
    """Thread-safe.

    ``name`` identifies the vectors: two embedders of one name give the same vector for the same text.
    ``window`` is how many tokens of a text (special tokens not counted) it reads. ``dimension`` and ``tokenizer`` may
    have to load or ask on first use; they raise :class:`EmbedderUnavailable`.
    """

    name: str
    window: int

    @property
    def dimension(self) -> int: ...

    @property
    def tokenizer(self) -> Tokenizer: ...

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Vectors for texts. One text's failure does not fail the others; raises :class:`EmbedderUnavailable` when
        none can succeed."""
        ...

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of a question, shape (dimension,). Raises :class:`EmbedderUnavailable`."""
        ...

    def close(self) -> None: ...
