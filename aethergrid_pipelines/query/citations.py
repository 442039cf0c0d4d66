"""Citations in an answer as it streams: ``[2]``, ``[1, 3]``; one of a passage that does not exist is taken out."""

import re
from collections.abc import Iterator

_NUMBERS = re.compile(r"[ \t]*\[\s*(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\s*\]")
_BEGUN = re.compile(r"[ \t]*(?:\[[\d\s,;]{0,40})?\Z")
"""What may become a citation with the next piece, and the space before it, which goes with it."""
_MARKS = re.compile(r"`+|\n")


class Citations:
    """Not thread-safe: for one answer, of ``count`` passages. ``cited`` are the numbers that were cited and exist, in
    the order in which they were. In code, between backticks, brackets are what they are."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._held = ""
        self._fence = ""
        self.cited: list[int] = []

    def feed(self, piece: str) -> str:
        """The next piece of the answer → what of it can be shown."""
        text = self._held + piece
        end = len(text)
        if begun := _BEGUN.search(text):
            end = begun.start()
        # Whether a run of backticks is over is known when something else follows.
        end = min(end, len(text.rstrip("`")))
        self._held = text[end:]
        return "".join(self._checked(text[:end]))

    def end(self) -> str:
        """What is left to show."""
        rest, self._held = self._held, ""
        return "".join(self._checked(rest))

    def _checked(self, text: str) -> Iterator[str]:
        at = 0
        for mark in _MARKS.finditer(text):
            yield self._span(text[at : mark.start()])
            yield mark[0]
            at = mark.end()
            if mark[0] == "\n":
                # A backtick alone is not closed on another line: code of several lines has three.
                self._fence = self._fence if len(self._fence) >= 3 else ""
            elif not self._fence:
                self._fence = mark[0]
            elif mark[0] == self._fence:
                self._fence = ""
        yield self._span(text[at:])

    def _span(self, text: str) -> str:
        return text if self._fence else _NUMBERS.sub(self._citation, text)

    def _citation(self, found: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", found[1])]
        there = [number for number in numbers if 1 <= number <= self._count]
        self.cited += [number for number in dict.fromkeys(there) if number not in self.cited]
        if not there:
            return ""
        space = found[0][: found[0].index("[")]
        return space + "".join(f"[{number}]" for number in there)
