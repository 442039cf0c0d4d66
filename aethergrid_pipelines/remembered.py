"""What a function says of a piece of text, remembered: most words of a text were seen before."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeVar

T = TypeVar("T")
V = TypeVar("V")

MOST_PIECES = 1 << 16
"""Some 10 MB. Beyond it everything is forgotten: to know which pieces are rare would take longer."""

LONGEST_PIECE = 32
"""Longer ones hardly come again: addresses, digests, scripts without spaces."""


class Remembered(dict[str, V]):
    """``found_in(piece)`` by piece. Threads may share it."""

    def __init__(self, found_in: Callable[[str], V]) -> None:
        super().__init__()
        self._found_in = found_in

    def __missing__(self, piece: str) -> V:
        found = self._found_in(piece)
        if len(piece) <= LONGEST_PIECE:
            if len(self) >= MOST_PIECES:
                self.clear()
            self[piece] = found
        return found


def throughout(text: str, known: Remembered[tuple[T, ...]]) -> Iterator[T]:
    """What is found in ``text``, in order; nothing that is looked for may reach over white space."""
    return among(text.split(), known)


def among(pieces: Iterable[str], known: Remembered[tuple[T, ...]]) -> Iterator[T]:
    """The same of a text that was split already."""
    return chain.from_iterable(map(known.__getitem__, pieces))
