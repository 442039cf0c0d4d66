"""Texts that say the same in nearly the same words."""

from collections import Counter
from collections.abc import Sequence

SHINGLE = 3
ALIKE = 0.8
"""From this Jaccard similarity of word triples on, two texts are one (Broder, «On the resemblance and containment of
documents», 1997): one word changed in a text of sixteen leaves 0.65, one in thirty 0.8."""


def repeats(texts: Sequence[str]) -> dict[int, int]:
    """Which texts repeat an earlier one, and which: index → index of the first of its kind. Case and white space do not
    count."""
    kept: dict[str, list[int]] = {}
    sizes: dict[int, int] = {}
    found: dict[int, int] = {}
    for at, text in enumerate(texts):
        shingles = _shingles(text)
        shared = Counter(other for shingle in shingles for other in kept.get(shingle, ()))
        alike = (other for other, common in shared.items() if common >= ALIKE * (len(shingles) + sizes[other] - common))
        first = min(alike, default=None)
        if first is not None:
            found[at] = first
            continue
        sizes[at] = len(shingles)
        for shingle in shingles:
            kept.setdefault(shingle, []).append(at)
    return found


def _shingles(text: str) -> set[str]:
    words = text.casefold().split()
    if len(words) <= SHINGLE:
        return {" ".join(words)}
    return {" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}
