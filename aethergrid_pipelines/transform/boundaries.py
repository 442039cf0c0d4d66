"""Where to cut a message: the best boundary between two positions, from headings down to single characters."""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import regex

from aethergrid_pipelines.transform.markdown import Heading, Span, fences, headings, inside
from aethergrid_pipelines.transform.sentences import sentence_starts

# A boundary costs what it breaks, plus how far it lies from where the cut should be, as a share of the window. A better
# kind may so lie further off; but a word is never cut where a line, sentence or paragraph ends anywhere in reach.
_HEADING, _FENCE, _PARAGRAPH, _ITEM, _ROW, _SENTENCE, _LINE = 0.0, 0.05, 0.15, 0.3, 0.4, 0.45, 0.55
_STRUCTURE, _WORD, _PUNCTUATION = 2.0, 2.2, 2.5
_AFTER_HEADING = 3.0
_AFTER_COLON = 0.25

_PARAGRAPHS = re.compile(r"\n(?:[ \t]*+\n)++")
_ITEMS = re.compile(r"\n(?=[ \t>]{0,3}(?:[-*+•]|\d{1,9}[.)])[ \t])")
_NESTED_ITEMS = re.compile(r"\n(?=[ \t>]{4,40}(?:[-*+•]|\d{1,9}[.)])[ \t])")
# Not before the delimiter row of a table, so that its header is not torn off.
_ROWS = re.compile(r"\n(?=[ \t]*+\|)(?![ \t|:-]++(?:\n|\Z))")
_LINES = re.compile(r"\n(?![ \t|:-]++(?:\n|\Z))")
_STRUCTURES = re.compile(r"[}\])],?+\s*+(?=[\"'{\[(<])|>\s*+(?=<)")
_WORDS = re.compile(r"\s++")
_PUNCTUATIONS = re.compile(r"[,;:}\])|、，；：/&?=-]++")
_CLUSTER = regex.compile(r"\X")
_CLUSTER_CONTEXT = 64
_LOOK_AHEAD = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """A message's text with its code blocks and headings."""

    text: str
    code: list[Span]
    headings: list[Heading]
    after_headings: frozenset[int]

    @classmethod
    def of(cls, text: str) -> "Layout":
        code = fences(text)
        titles = headings(text, code)
        return cls(text, code, titles, frozenset(_next_line(text, title.end) for title in titles))

    def path_at(self, start: int) -> tuple[str, ...]:
        """The titles above a chunk that begins at ``start``, outermost first; its own heading is not above it."""
        at = bisect_left(self.headings, start, key=lambda title: title.start)
        if at < len(self.headings) and self.headings[at].start == start:
            return self.headings[at].above
        return (*self.headings[at - 1].above, self.headings[at - 1].title) if at else ()


def _next_line(text: str, end: int) -> int:
    while end < len(text) and text[end].isspace():
        end += 1
    return text.rfind("\n", 0, end) + 1


def best_cut(layout: Layout, start: int, target: int, end: int, fits: Callable[[Span], bool]) -> int:
    """Where to cut ``text`` in ``start < cut <= end``, best near ``target``.

    A code block that reaches over ``end`` is cut only where it does not fit into a chunk of its own, or begins before
    ``start``; then between lines, and inside a line only where that alone is too long.
    """
    block = inside(layout.code, end - 1)
    if block and start < block[0] and end < block[1] and fits(block):
        end = block[0]
    search = _Search(layout, start, target, end)
    text = layout.text
    first = bisect_left(layout.headings, start + 1, key=lambda title: title.start)
    last = bisect_left(layout.headings, end + 1, key=lambda title: title.start)
    around = layout.code[max(bisect_left(layout.code, (start, 0)) - 1, 0) : bisect_left(layout.code, (end + 1, 0))]
    search.prose(_HEADING, [title.start for title in layout.headings[first:last]])
    search.prose(_FENCE, [edge for before, after in around for edge in (before, _next_line(text, after))])
    search.anywhere(_PARAGRAPH, search.matches(_PARAGRAPHS))
    search.prose(_ITEM, search.matches(_ITEMS))
    search.prose(_ROW, search.matches(_ROWS))
    search.prose(_ROW, search.matches(_NESTED_ITEMS))
    if search.cost > _SENTENCE:
        search.prose(_SENTENCE, [start + at for at in sentence_starts(text[start : end + 2])])
    search.anywhere(_LINE, search.matches(_LINES))
    search.anywhere(_STRUCTURE, search.matches(_STRUCTURES))
    search.anywhere(_WORD, search.matches(_WORDS))
    search.anywhere(_PUNCTUATION, search.matches(_PUNCTUATIONS))
    return search.best if search.best > start else cluster_start(text, start, target)


class _Search:
    """The cheapest boundary so far."""

    def __init__(self, layout: Layout, start: int, target: int, end: int) -> None:
        self.layout, self.start, self.target, self.end = layout, start, target, end
        self.best, self.cost = start, float("inf")
        blank = _WORDS.match(layout.text, start, end)
        self.visible = blank.end() if blank else start

    def prose(self, price: float, positions: Sequence[int]) -> None:
        """Consider positions outside code."""
        self._consider(price, positions, in_code=False)

    def anywhere(self, price: float, positions: Sequence[int]) -> None:
        """Consider positions outside code, and in a block that has to be cut."""
        self._consider(price, positions, in_code=True)

    def matches(self, pattern: re.Pattern[str]) -> list[int]:
        """The ends of all matches in reach."""
        text = self.layout.text
        return [match.end() for match in pattern.finditer(text, self.start, min(self.end + _LOOK_AHEAD, len(text)))]

    def _consider(self, price: float, positions: Sequence[int], *, in_code: bool) -> None:
        if price >= self.cost:
            return
        room, forbidden = max(self.end - self.start, 1), self.layout.after_headings
        for at in positions:
            if not self.visible < at <= self.end:
                continue
            cost = price + abs(at - self.target) / room + (_AFTER_HEADING if at in forbidden else 0.0)
            if price < _STRUCTURE and self.layout.text[max(at - 3, 0) : at].rstrip().endswith((":", "：")):
                cost += _AFTER_COLON
            if cost < self.cost and self._may_cut(at, in_code):
                self.best, self.cost = at, cost

    def _may_cut(self, at: int, in_code: bool) -> bool:
        block = inside(self.layout.code, at)
        if block is None or block[0] == at:
            return True
        return in_code and (block[0] < self.start or block[1] > self.end)


def cluster_start(text: str, start: int, end: int) -> int:
    """The last position in ``start < at <= end`` at which no grapheme cluster (UAX #29) is cut; ``end`` where there is
    none, as with a cluster that is longer than the window."""
    if end >= len(text):
        return end
    anchor = max(start, end - _CLUSTER_CONTEXT)
    at = anchor
    for cluster in _CLUSTER.finditer(text, anchor, min(end + _CLUSTER_CONTEXT, len(text))):
        if cluster.end() > end:
            break
        at = cluster.end()
    return at if at > start and at > anchor else end
