"""What a text is like, whatever it is about: ranking prefers what tells something over what asks or only agrees."""

import re
from functools import lru_cache

from aethergrid_pipelines.remembered import Remembered, throughout

QUESTION = "question"
FIRST_PERSON = "first-person"
EVENT = "event"
TIME = "time"
NUMBER = "number"
TITLE = "title"
NAME = "name"
NAMES = "names"

READ_CHARACTERS = 4_000
"""How much of a text is looked at."""

KEPT_TEXTS = 4_096
"""Texts of which the traits are kept: a conversation that goes on is read again with each of its messages."""

_PAST = (
    r"\w+ed|went|got|made|did|saw|took|had|found|met|gave|came|began|bought|won|lost|told|felt|ran|wrote|spent|built"
    r"|taught|caught|brought|kept|left|hit|was|were"
)
_FIRST_PERSON = re.compile(r"\b(?:I|I'm|I've|I'd|my|My|we|We|our|Our)\b")
_BEFORE_PAST = " (?:have|had|also|just|recently|even|finally)"
_EVENT = re.compile(rf"\b(?:I|we|We)(?:'ve|'d)?(?:{_BEFORE_PAST})*(?!{_BEFORE_PAST}) (?:{_PAST})\b")
# These read small letters: ignoring case takes three times as long.
_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|last|next|ago|recently|since"
    r"|january|february|march|april|june|july|august|september|october|november|december"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:week(?:end)?|month|year|day)s?"
    r"|(?:19|20)\d\d|\d{1,2}(?:st|nd|rd|th))\b"
)
_TIME_OF_TWO_WORDS = re.compile(r"\bthis (?:morning|summer)\b")
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|couple|several|once|twice|dozen)\b"
)
_TITLE = re.compile(r'"[^"\n]{2,60}"|“[^”\n]{2,60}”')
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")


def traits(text: str) -> str:
    """The traits of ``text``, joined by single spaces, in a fixed order. The patterns are English; a text in another
    language has fewer traits and is ranked without them.

    >>> traits("I met Jean in Oslo last week. Have you been there?")
    'question first-person event time names'
    """
    return _traits(text[:READ_CHARACTERS])


@lru_cache(maxsize=KEPT_TEXTS)
def _traits(text: str) -> str:
    small = text.lower()
    said = set(throughout(text, _known))
    names = len(set(_NAME.findall(text)))
    found = {
        # A caption after the last sentence is no part of it.
        QUESTION: text.rfind("?") > max(text.rfind("."), text.rfind("!")),
        FIRST_PERSON: FIRST_PERSON in said,
        EVENT: FIRST_PERSON in said and _EVENT.search(text),
        TIME: TIME in said or ("this " in small and _TIME_OF_TWO_WORDS.search(small)),
        NUMBER: NUMBER in said,
        TITLE: _TITLE.search(text),
        NAME: names == 1,
        NAMES: names > 1,
    }
    return " ".join(name for name, holds in found.items() if holds)


def _of_piece(piece: str) -> tuple[str, ...]:
    """What can be told from one word of a text."""
    small = piece.lower()
    found = {
        FIRST_PERSON: _FIRST_PERSON.search(piece),
        TIME: _TIME.search(small),
        NUMBER: _NUMBER.search(small),
    }
    return tuple(name for name, holds in found.items() if holds)


_known = Remembered(_of_piece)
