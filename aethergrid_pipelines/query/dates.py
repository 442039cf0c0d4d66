"""Times that a question mentions: «in May», «on 7 October», «last week». They make hits of that time rank higher and
never exclude others; the ``after`` and ``before`` of a filter do that."""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = "|".join(_MONTHS[:4] + _MONTHS[5:]) + "|jan|feb|apr|jun|jul|aug|sept?|oct|nov|dec"
# «may» is a month where a day or a year is beside it, or a word that goes before times.
_MAY = r"(?<=\bin )may|(?<=\bof )may|(?<=\bon )may|(?<=\bsince )may|may(?= \d)|(?<=\d )may|(?<=st )may|(?<=th )may"
_NAMED = re.compile(
    rf"\b(?:(?P<before>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?(?P<month>{_MONTH}|{_MAY})\b\.?"
    r"(?:\s+(?P<after>\d{1,2})(?:st|nd|rd|th)?\b(?!:))?(?:,?\s+(?:of\s+)?(?P<year>(?:19|20)\d\d)\b)?",
)
_ISO = re.compile(r"\b((?:19|20)\d\d)-(\d\d)(?:-(\d\d))?\b")
_YEAR = re.compile(r"\b(?:in|of|during|since)\s+((?:19|20)\d\d)\b")
_AGO = re.compile(r"\b(\d{1,3}|a|an|one|two|three|four|five|six|seven)\s+(day|week|month|year)s?\s+ago\b")
_COUNT = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
NEAR_DAYS = 2
"""People misremember a day by this much, and tell today what happened yesterday."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Days ``first``…``last``, or, with ``month``, that month (and day) of every year."""

    first: dt.date | None = None
    last: dt.date | None = None
    month: int | None = None
    day: int | None = None

    def month_holds(self, day: dt.date) -> bool:
        """Whether ``day`` lies in the span, or in its month where one day is meant."""
        if self.month is not None:
            return day.month == self.month
        if self.first is None or self.last is None:
            return False
        if self.exact:
            return (day.year, day.month) == (self.first.year, self.first.month)
        return self.first <= day <= self.last

    def day_holds(self, day: dt.date) -> bool:
        """Whether one day is meant, and ``day`` is at most :data:`NEAR_DAYS` from it."""
        if self.month is not None:
            return self.day is not None and day.month == self.month and abs(day.day - self.day) <= NEAR_DAYS
        return self.exact and self.first is not None and abs((day - self.first).days) <= NEAR_DAYS

    @property
    def exact(self) -> bool:
        """Whether one day is meant."""
        return self.day is not None or (self.first is not None and self.first == self.last)


_RELATIVE: dict[str, Callable[[dt.date], tuple[dt.date, dt.date]]] = {
    r"today|this (?:morning|afternoon|evening)|tonight": lambda now: (now, now),
    r"yesterday|last (?:night|evening)": lambda now: (_less(now, 1), _less(now, 1)),
    r"this week": lambda now: (_less(now, now.weekday()), now),
    r"last week": lambda now: (_less(now, now.weekday() + 7), _less(now, now.weekday() + 1)),
    r"this month": lambda now: (now.replace(day=1), now),
    r"last month": lambda now: (_less(now.replace(day=1), 1).replace(day=1), _less(now.replace(day=1), 1)),
    r"this year": lambda now: (dt.date(now.year, 1, 1), now),
    r"last year": lambda now: (dt.date(now.year - 1, 1, 1), dt.date(now.year - 1, 12, 31)),
    r"recently|lately|these days": lambda now: (_less(now, 14), now),
}
_RELATIVES = [(re.compile(rf"\b(?:{pattern})\b"), span) for pattern, span in _RELATIVE.items()]


def mentions(question: str, now: dt.datetime) -> list[Mention]:
    """The times that a question mentions; relative ones are relative to the UTC day of ``now``. What is no date of the
    calendar is passed over."""
    text, today = question.lower(), now.astimezone(dt.UTC).date()
    found = [_named(match) for match in _NAMED.finditer(text)]
    found += [_iso(match) for match in _ISO.finditer(text)]
    if not found:
        found += [_whole_year(int(match[1])) for match in _YEAR.finditer(text)]
    for pattern, span in _RELATIVES:
        if pattern.search(text):
            found.append(Mention(*span(today)))
    for match in _AGO.finditer(text):
        unit, count = _UNIT_DAYS[match[2]], _COUNT.get(match[1]) or int(match[1])
        middle, slack = _less(today, unit * count), unit // 2
        found.append(Mention(_less(middle, slack), _less(middle, -slack)))
    return [mention for mention in found if mention is not None]


def matches(
    found: Sequence[Mention], moments: Sequence[dt.datetime]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each moment 1 where it lies in a mentioned span or month, and 1 where it is near a mentioned day."""
    if not found:
        return np.zeros(len(moments)), np.zeros(len(moments))
    days = [moment.date() for moment in moments]
    spans = np.array([any(one.month_holds(day) for one in found) for day in days], dtype=np.float64)
    near = np.array([any(one.day_holds(day) for one in found) for day in days], dtype=np.float64)
    return spans, near


def _named(match: re.Match[str]) -> Mention | None:
    month = next(at for at, name in enumerate(_MONTHS, start=1) if name.startswith(match["month"][:3]))
    day = int(match["before"] or match["after"] or 0)
    if match["year"] is None:
        return Mention(month=month, day=day if 1 <= day <= 31 else None)
    return _days(int(match["year"]), month, day)


def _iso(match: re.Match[str]) -> Mention | None:
    return _days(int(match[1]), int(match[2]), int(match[3] or 0))


def _days(year: int, month: int, day: int) -> Mention | None:
    """One day of a month, or all of it for day 0."""
    try:
        first = dt.date(year, month, day or 1)
    except ValueError:
        return None
    next_month = dt.date(year + month // 12, month % 12 + 1, 1)
    return Mention(first, first if day else _less(next_month, 1))


def _whole_year(year: int) -> Mention:
    return Mention(dt.date(year, 1, 1), dt.date(year, 12, 31))


def _less(day: dt.date, days: int) -> dt.date:
    """``days`` before; at most back to the beginning of the calendar."""
    return dt.date.fromordinal(min(max(1, day.toordinal() - days), dt.date.max.toordinal()))
