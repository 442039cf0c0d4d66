"""What a tool answers stays within as many tokens as its caller allows.

Nobody says which model will read an answer, and its tokenizer may be out of reach, so tokens are estimated on the high
side (:class:`aethergrid_pipelines.embedders.byte_pairs.EstimatingTokenizer`).
"""

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from aethergrid_pipelines.embedders.byte_pairs import EstimatingTokenizer

Part = TypeVar("Part", bound=BaseModel)

HEADING = 120
"""Tokens that an answer needs beside its parts: its first lines, and the names of its fields."""

LEAST = 20
"""A part that would be cut to fewer tokens is left out."""

CHARACTERS = 16
"""A token of more characters is white space."""

CUT = " […]"

_tokenizer = EstimatingTokenizer()


def tokens(text: str) -> int:
    """How many tokens ``text`` takes at most."""
    return _tokenizer.count([text])[0]


def cut(text: str, budget: int) -> str:
    """The beginning of ``text`` within ``budget`` tokens, with a mark where something is missing."""
    spans = _tokenizer.offsets(text)
    if len(spans) <= budget:
        return text
    keep = budget - tokens(CUT)
    return text[: spans[keep][0]].rstrip() + CUT if keep > 0 else ""


def fitting(
    parts: Sequence[Part], budget: int, *, as_text: Callable[[Part], str], last_may_be_cut: bool = False
) -> list[Part]:
    """The first of ``parts`` that fit together, both as text and as JSON: clients hand their model one or the other.

    The first part, and with ``last_may_be_cut`` the first that does not fit, has its ``content`` cut.
    """
    left = budget - HEADING
    taken: list[Part] = []
    for whole in parts:
        part = _clipped(whole, budget)
        cost = _cost(part, as_text)
        if cost > left:
            shortened = _shortened(part, left, as_text) if last_may_be_cut or not taken else None
            return taken if shortened is None else [*taken, shortened]
        taken.append(part)
        left -= cost
    return taken


def _clipped(part: Part, budget: int) -> Part:
    """Without what cannot fit anyway: nobody counts the tokens of sixteen megabytes to show three thousand."""
    content = str(getattr(part, "content", ""))
    most = budget * CHARACTERS
    return part if len(content) <= most else part.model_copy(update={"content": content[:most] + CUT, "cut": True})


def _cost(part: BaseModel, as_text: Callable[[Part], str]) -> int:
    written = json.dumps(part.model_dump(mode="json"), ensure_ascii=False)
    # The line breaks and commas between parts.
    return max(tokens(as_text(part)), tokens(written)) + 2  # type: ignore[arg-type]


def _shortened(part: Part, budget: int, as_text: Callable[[Part], str]) -> Part | None:
    content = str(getattr(part, "content", ""))
    around = _cost(part.model_copy(update={"content": "", "cut": True}), as_text)
    most = room = budget - around
    while room >= LEAST:
        found = part.model_copy(update={"content": cut(content, room), "cut": True})
        cost = _cost(found, as_text) - around
        if cost <= most:
            return found
        # Line breaks and quotes take more in JSON than in text.
        room = min(room - 1, room * most // cost)
    return None
