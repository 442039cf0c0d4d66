"""Fills chunks: how much of a long message goes into each, given the tokens of the whole of it."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

from aethergrid_pipelines.embedders.protocol import Tokenizer
from aethergrid_pipelines.records.flow import CleanedMessage
from aethergrid_pipelines.transform.boundaries import Layout, best_cut, cluster_start
from aethergrid_pipelines.transform.markdown import Span, inside

TARGET = 0.75
"""The share of the window that a chunk is meant to fill, so that good boundaries are in reach on both sides."""

_PREFIX_SHARE = 4
_BLANK = re.compile(r"\s*+")


@dataclass(frozen=True, slots=True)
class Piece:
    """``content[start:end]`` of a message, and what is put before it when it is embedded."""

    start: int
    end: int
    speaker: str | None
    heading: str | None


def trimmed(text: str, start: int, end: int) -> Span:
    """The span without white space at its ends; the indentation of its first line stays if it is all there."""
    first = _first_line(text, start, end)
    return first, max(first, start + len(text[start:end].rstrip()))


def _first_line(text: str, start: int, end: int) -> int:
    blank = _BLANK.match(text, start, end)
    first = blank.end() if blank else start
    newline = text.rfind("\n", start, first)
    if newline >= 0 and first < end:
        return newline + 1
    return start if first < end and (start == 0 or text[start - 1] == "\n") else first


class Splitter:
    """Cuts one message. It is tokenised once; cuts are made by the offsets of its tokens."""

    def __init__(self, message: CleanedMessage, tokenizer: Tokenizer, window: int) -> None:
        self._text = message.content
        self._tokenizer = tokenizer
        self._window = window
        self._starts = [start for start, _ in tokenizer.offsets(message.content)]
        self._layout = Layout.of(message.content)
        self._speaker = self._shortened(message.speaker) if message.speaker else None
        self._prefixes: dict[tuple[str, ...], tuple[str | None, int]] = {(): (None, self._count(None))}

    def split(self) -> Iterator[Piece]:
        """The pieces of the message, in order."""
        return self._fill(0, len(self._text), self._window)

    def split_again(self, piece: Piece, excess: int) -> list[Piece]:
        """Smaller pieces of one that turned out to have ``excess`` tokens too many."""
        tokens = self._tokens((piece.start, piece.end))
        if tokens > 1:
            return list(self._fill(piece.start, piece.end, max(tokens - excess, 1)))
        if piece.end - piece.start > 1:
            # A single unknown token, of which the parts are several known ones.
            middle = cluster_start(self._text, piece.start, (piece.start + piece.end) // 2)
            halves = (trimmed(self._text, *half) for half in ((piece.start, middle), (middle, piece.end)))
            return [replace(piece, start=start, end=end) for start, end in halves if start < end]
        if piece.speaker or piece.heading:
            return [replace(piece, speaker=None, heading=None)]
        raise ValueError(
            f"the character at {piece.start} has {excess + self._window} tokens, the window {self._window}"
        )

    def _fill(self, at: int, end: int, most: int) -> Iterator[Piece]:
        """Pieces of ``text[at:end]`` with at most ``most`` tokens each, as far as the sum of tokens tells."""
        at, end = trimmed(self._text, at, end)
        while at < end:
            heading, room = self._room(at, most)
            first, rest = bisect_left(self._starts, at), self._tokens((at, end))
            if rest <= room:
                yield Piece(at, end, self._speaker, heading)
                return
            chunks_left = -(-rest // max(int(room * TARGET), 1))
            goal = min(max(-(-rest // chunks_left), 1), room)
            last = min(self._position(first + room, at), end)
            target = min(self._position(first + goal, at), last)
            cut = best_cut(self._layout, at, target, last, self._fits)
            if text := self._text[at:cut].rstrip():
                yield Piece(at, at + len(text), self._speaker, heading)
            at = _first_line(self._text, cut, end)

    def _room(self, at: int, most: int) -> tuple[str | None, int]:
        """The heading of a piece that begins at ``at``, and the tokens that are left for its text."""
        heading, prefix = self._prefix(self._layout.path_at(at))
        block = inside(self._layout.code, at)
        if block and block[0] == at and self._fits(block) and self._tokens(block) > self._window - prefix:
            heading, prefix = self._prefix(())
        return heading, max(min(self._window - prefix, most), 1)

    def _prefix(self, path: tuple[str, ...]) -> tuple[str | None, int]:
        known = self._prefixes.get(path)
        if known is None:
            heading = self._shortened(" > ".join(path), keep_end=True)
            known = self._prefixes[path] = (heading, self._count(heading))
        return known

    def _count(self, heading: str | None) -> int:
        prefix = (f"{self._speaker}: " if self._speaker else "") + (f"{heading}\n" if heading else "")
        return self._tokenizer.count([prefix])[0] if prefix else 0

    def _shortened(self, name: str, *, keep_end: bool = False) -> str | None:
        """``name`` within a quarter of the window. Of a path of headings the innermost are the ones that tell most."""
        offsets = self._tokenizer.offsets(name)
        most = self._window // _PREFIX_SHARE
        if len(offsets) <= most:
            return name
        kept = name[offsets[-most][0] :] if keep_end else name[: offsets[most][0]]
        return kept.strip(" >") or None

    def _fits(self, block: Span) -> bool:
        return self._tokens(block) <= self._window - self._prefixes[()][1]

    def _tokens(self, span: Span) -> int:
        return bisect_left(self._starts, span[1]) - bisect_left(self._starts, span[0])

    def _position(self, token: int, after: int) -> int:
        """Where ``token`` begins; the next one that begins after ``after`` where several share a character."""
        while token < len(self._starts) and self._starts[token] <= after:
            token += 1
        return self._starts[token] if token < len(self._starts) else len(self._text)
