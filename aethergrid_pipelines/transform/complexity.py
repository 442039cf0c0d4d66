"""How much a text asks of its reader, 0…1, from counts alone.

It is a weighted sum of seven saturating counts, each ``1 − exp(−count / scale)``, so that it never falls when a text
gets more of something, and never reaches 1. The weights add up to 1; the scales are where a count has made 63 % of its
way, chosen for chunks of at most some 250 tokens.
"""

import math
import re

from aethergrid_pipelines.remembered import Remembered, among
from aethergrid_pipelines.transform.features import LIST_ITEM, Text

_IDENTIFIER = re.compile(r"\b(?:[a-z]+[A-Z]\w*|\w+_\w+|\w+\(\)|[A-Z]{2,}\w*)\b")
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_CONDITIONS = frozenset(
    re.findall(
        r"\w+",
        "if unless except but although while whereas must should without only however because until when either "
        "neither whether per each than instead wenn aber weil ohne nur muss mais sans sauf pero sin si porque",
    )
)

WEIGHTS = {
    "length": (0.20, 90.0),
    "variety": (0.20, 60.0),
    "long_words": (0.15, 12.0),
    "conditions": (0.15, 5.0),
    "steps": (0.10, 4.0),
    "code_lines": (0.12, 8.0),
    "nesting": (0.08, 4.0),
}
"""Of each count its weight and its scale."""


def complexity(text: str, parts: Text) -> float:
    """0…1, rounded to three digits."""
    counts = measure(text, parts)
    total = sum(weight * (1 - math.exp(-counts[name] / scale)) for name, (weight, scale) in WEIGHTS.items())
    return round(total, 3)


def measure(text: str, parts: Text) -> dict[str, float]:
    """The counts behind :func:`complexity`: words, different words, long or technical words, conditions and figures,
    steps, lines of code, depth of brackets and indentation."""
    words = parts.words
    different = set(words)
    lines = [line for line in parts.code.split("\n") if line.strip()]
    technical = list(among(parts.pieces, _known_technical))
    return {
        "length": len(words) + 6 * len(lines),
        "variety": len(different),
        "long_words": sum(map((9).__le__, map(len, different))) + technical.count(_IDENTIFIER),
        "conditions": sum(map(_CONDITIONS.__contains__, words)) + 0.5 * technical.count(_FIGURE),
        "steps": len(LIST_ITEM.findall(parts.prose)),
        "code_lines": len(lines),
        "nesting": _depth(lines) if lines else 0,
    }


def _technical(piece: str) -> tuple[re.Pattern[str], ...]:
    """For each identifier and each figure the pattern that finds it."""
    return tuple(kind for kind in (_IDENTIFIER, _FIGURE) for _ in kind.findall(piece))


_known_technical = Remembered(_technical)


def _depth(lines: list[str]) -> int:
    deepest = depth = 0
    for char in "".join(lines):
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth = max(0, depth - 1)
    indents = {len(line) - len(line.lstrip()) for line in lines}
    return max(deepest, len(indents) - 1)
