"""Where the fenced code blocks, tables and headings of a text are. All scans are linear in its length.

The rules are those of CommonMark 0.31 (fences 4.5, headings 4.2) and of GitHub's tables, read leniently: a fence may be
indented or quoted by any amount, because models indent fences below list items as they please.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

Span = tuple[int, int]

_FENCE = re.compile(r"^[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)?(?:(`{3,}+)[^`\n]*+|(~{3,}+)[^\n]*+)$", re.MULTILINE)
_DELIMITER_ROW = re.compile(r"^[ \t>]*+\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+$", re.MULTILINE)
_HEADING = re.compile(
    r"^ {0,3}(#{1,6})[ \t]++(?=[^\s#])([^\n]*+)$|^ {0,3}(?![ >#|=])([^\n]++)\n {0,3}={3,}+[ \t]*+$", re.MULTILINE
)
_EMPHASIS = " \t*_`#"
_LONGEST_TITLE = 120


@dataclass(frozen=True, slots=True)
class Heading:
    """``start`` is where its line begins, ``end`` where it ends; ``above`` are the titles of the headings over it."""

    start: int
    end: int
    level: int
    title: str
    above: tuple[str, ...]


@lru_cache(maxsize=64)
def _closing(mark: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t>]*+{re.escape(mark[0])}{{{len(mark)},}}+[ \t]*+$", re.MULTILINE)


def fence_at(text: str, start: int) -> Span | None:
    """The fenced block that begins with the line at ``start``: up to the end of its closing line. One that is never
    closed reaches to the end of the text."""
    opening = _FENCE.match(text, start)
    return _block(text, opening) if opening else None


def _block(text: str, opening: re.Match[str]) -> Span:
    closing = _closing(opening[1] or opening[2]).search(text, opening.end())
    return opening.start(), closing.end() if closing else len(text)


def fences(text: str) -> list[Span]:
    """All fenced blocks, in order."""
    found: list[Span] = []
    if "```" not in text and "~~~" not in text:
        return found
    opening = _FENCE.search(text)
    while opening:
        found.append(_block(text, opening))
        opening = _FENCE.search(text, found[-1][1])
    return found


def inside(spans: Sequence[Span], position: int) -> Span | None:
    """The span of sorted ``spans`` that holds ``position``, if there is one."""
    at = bisect_right(spans, (position, 1 << 62)) - 1
    return spans[at] if at >= 0 and position < spans[at][1] else None


def tables(text: str, code: Sequence[Span]) -> list[Span]:
    """All tables outside ``code``: a line with a bar, a delimiter row, and the lines with a bar that follow."""
    found: list[Span] = []
    if "|" not in text or "-" not in text:
        return found
    for row in _DELIMITER_ROW.finditer(text):
        header = text.rfind("\n", 0, max(row.start() - 1, 0)) + 1
        past = row.start() < (found[-1][1] if found else 0)
        if past or row.start() == 0 or "|" not in row[0] or "|" not in text[header : row.start()]:
            continue
        if not inside(code, row.start()):
            found.append((header, _last_row(text, row.end())))
    return found


def _last_row(text: str, end: int) -> int:
    while end < len(text):
        line_end = text.find("\n", end + 1)
        line_end = len(text) if line_end < 0 else line_end
        if text.find("|", end + 1, line_end) < 0 or text.startswith("```", end + 1):
            break
        end = line_end
    return end


def headings(text: str, code: Sequence[Span]) -> list[Heading]:
    """All headings outside ``code``, in order: ``#`` to ``######``, and lines underlined with ``===``.

    Lines underlined with ``---`` are left out: in chats that is a rule below a paragraph far more often.
    """
    found: list[Heading] = []
    path: list[tuple[int, str]] = []
    if "#" not in text and "===" not in text:
        return found
    for match in _HEADING.finditer(text):
        if inside(code, match.start()):
            continue
        level = len(match[1]) if match[1] else 1
        title = (match[2] or match[3]).strip(_EMPHASIS)[:_LONGEST_TITLE].strip()
        while path and path[-1][0] >= level:
            path.pop()
        if title:
            found.append(Heading(match.start(), match.end(), level, title, tuple(name for _, name in path)))
            path.append((level, title))
    return found
