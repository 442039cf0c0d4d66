"""Bids → the passages that fit into a budget of tokens. Pure.

The next fragment is always the one with the greatest ``value / cost ** THRIFT`` among those that still fit; its cost is
that of its line, and of the heading and the date above it where it is their first.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.embedders.protocol import Tokenizer
from aethergrid_pipelines.query.bids import Bid
from aethergrid_pipelines.query.pack_text import CUT, Passage, Piece, as_text, date, heading, line, passages
from aethergrid_pipelines.transform.sentences import sentence_starts

THRIFT = 0.1
"""How much being short counts, 0…1. On LoCoMo 0.1 is the best of 0 to 0.8: longer turns are also likelier evidence."""

LEAST_CUT = 24
"""The beginning of a fragment is shown where so many tokens are left over, or where nothing else fits."""

CUTS_TRIED = 3

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Packed:
    """``text`` renders ``passages`` and has ``tokens`` tokens, never more than the budget; ``left`` are the bids that
    found no room, best first."""

    passages: list[Passage]
    text: str
    tokens: int
    left: list[Bid]


def pack(offered: Sequence[Bid], budget: int, tokenizer: Tokenizer, *, numbered: bool = False) -> Packed:
    """As much of what is offered, best first, as fits into ``budget`` tokens."""

    def rendered(pieces: Sequence[Piece]) -> tuple[list[Passage], str, int]:
        read = passages(pieces)
        text = as_text(read, numbered=numbered)
        return read, text, tokenizer.count([text])[0]

    pieces = [
        Piece(bid.fragment, bid.fragment.content) for bid in filled(offered, budget, tokenizer, numbered=numbered)
    ]
    read, text, tokens = rendered(pieces)
    # A text may have a token more than its lines: the least of what was chosen goes first.
    while tokens > budget:
        pieces.pop()
        read, text, tokens = rendered(pieces)
    inside = {piece.fragment.id for piece in pieces}
    left = [bid for bid in offered if bid.fragment.id not in inside]
    for bid in left[:CUTS_TRIED]:
        piece = _beginning(bid, budget - tokens, tokenizer, numbered=numbered, alone=not pieces)
        tried = rendered([*pieces, piece]) if piece else None
        if tried is not None and tried[2] <= budget:
            read, text, tokens = tried
            left.remove(bid)
            break
    return Packed(read, text, tokens, left)


def filled(offered: Sequence[Bid], budget: int, tokenizer: Tokenizer, *, numbered: bool = False) -> list[Bid]:
    """Those that are chosen, in the order of choice, while their lines add up to at most ``budget`` tokens."""
    if not offered or budget <= 0:
        return []
    costs = _Costs(offered, tokenizer, numbered=numbered)
    values = np.array([bid.value for bid in offered])
    waiting = np.ones(len(offered), dtype=np.bool_)
    room = float(budget)
    chosen: list[Bid] = []
    while True:
        now = costs.now()
        fits = waiting & (now <= room)
        if not fits.any():
            return chosen
        at = int(np.argmax(np.where(fits, values / now**THRIFT, -1.0)))
        chosen.append(offered[at])
        waiting[at] = False
        room -= float(now[at])
        costs.take(at)


class _Costs:
    """The tokens that each fragment takes, given the headings and dates that stand there already."""

    def __init__(self, offered: Sequence[Bid], tokenizer: Tokenizer, *, numbered: bool) -> None:
        fragments = [bid.fragment for bid in offered]
        number = tokenizer.count(["[10] "])[0] if numbered else 0
        # With the line break behind it, and an empty line where something was left out.
        self._lines = np.array(tokenizer.count([f"{line(one, one.content)}\n\n" for one in fragments]), float) + number
        self._head = _places([one.conversation_id for one in fragments])
        self._heads = np.array(tokenizer.count([f"{heading(one)}\n" for one in fragments]), float)
        self._day = _places([(one.conversation_id, one.timestamp.date()) for one in fragments])
        self._days = np.array(tokenizer.count([f"{date(one)}\n" for one in fragments]), float)

    def now(self) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.maximum(self._lines + self._heads + self._days, 1.0)
        return found

    def take(self, at: int) -> None:
        self._heads[self._head == self._head[at]] = 0.0
        self._days[self._day == self._day[at]] = 0.0


def _places(keys: Sequence[Key]) -> NDArray[np.int64]:
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], np.int64)


def _beginning(bid: Bid, room: int, tokenizer: Tokenizer, *, numbered: bool, alone: bool) -> Piece | None:
    """As much of a fragment as fits into ``room`` tokens with all that may stand above it, whole sentences or lines;
    with ``alone`` whole words will do."""
    fragment = bid.fragment
    above = f"{heading(fragment)}\n{date(fragment)}\n\n{'[100] ' if numbered else ''}{line(fragment, CUT)}\n"
    room -= tokenizer.count([above])[0]
    offsets = tokenizer.offsets(fragment.content)
    if room < (1 if alone else LEAST_CUT):
        return None
    if len(offsets) <= room:
        return Piece(fragment, fragment.content)
    end = offsets[room][0]
    breaks = [at for at in (*sentence_starts(fragment.content), *_line_starts(fragment.content)) if at <= end]
    if not breaks and alone:
        breaks = [at for at, character in enumerate(fragment.content[:end]) if character.isspace()]
    text = fragment.content[: max(breaks, default=0)].rstrip()
    return Piece(fragment, text + CUT, cut=True) if text else None


def _line_starts(text: str) -> list[int]:
    return [at + 1 for at, character in enumerate(text) if character == "\n"]
