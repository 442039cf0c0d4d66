"""What a function says of a piece of text, remembered: most of what stands between two spaces was seen before."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import TypeVar

T = TypeVar("T")

MOST_PIECES = 1 << 16
"""Some 10 MB. Beyond it everything is forgotten: to know which pieces are rare would take longer."""

LONGEST_PIECE = 32
"""Longer ones hardly come again: addresses, digests, scripts without spaces."""


class Remembered(dict[str, tuple[T, ...]]):
    """``found_in(piece)`` by piece. Threads may share it."""

    def __init__(self, found_in: Callable[[str], tuple[T, ...]]) -> None:
        super().__init__()
        self._found_in = found_in

    def throughout(self, text: str) -> Iterator[T]:
        """What is found in ``text``, in order; nothing that is looked for may reach over white space."""
        return chain.from_iterable(map(self.__getitem__, text.split()))

    def __missing__(self, piece: str) -> tuple[T, ...]:
        found = self._found_in(piece)
        if len(piece) <= LONGEST_PIECE:
            if len(self) >= MOST_PIECES:
                self.clear()
            self[piece] = found
        return found
