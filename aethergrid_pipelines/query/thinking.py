"""What a model thinks aloud before it answers, which is no part of the answer."""

from collections.abc import Iterable, Iterator

OPEN, CLOSE = "<think>", "</think>"
"""Around the thoughts of DeepSeek-R1, Qwen3 and their like, where their server does not keep these apart."""


def without_thoughts(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces of an answer, without a block of thoughts at its beginning; one that never ends leaves nothing."""
    held: str | None = ""
    for piece in pieces:
        if held is None:
            yield piece
            continue
        held += piece
        begun = held.lstrip()
        if begun.startswith(OPEN):
            _, closed, rest = begun.partition(CLOSE)
            begun = rest.lstrip()
            held = (None if begun else "") if closed else held
        elif OPEN.startswith(begun):
            begun = ""
        else:
            held = None
        if begun:
            yield begun
    if held and not held.lstrip().startswith(OPEN):
        yield held
