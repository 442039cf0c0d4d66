"""What a question asks for: its terms, the kind of answer, the times that it mentions."""

import datetime as dt
import re
from dataclasses import dataclass

from aethergrid_pipelines.query.dates import Mention, mentions
from aethergrid_pipelines.transform.analyse import query_terms

MOST_TERMS = 64
"""A longer question is ranked by its first terms."""

_WHEN = re.compile(r"\bwhen\b|\bhow long\b|\b(?:what|which) (?:date|day|month|year|time)\b", re.IGNORECASE)
_HOW_MANY = re.compile(r"\bhow (?:many|much|often|old)\b", re.IGNORECASE)
_WHO_OR_WHERE = re.compile(
    r"\bwho\b|\bwhere\b|"
    r"\b(?:what|which)(?: \w+)? (?:city|cities|country|countries|states?|places?|names?|areas?|people)\b"
    r"|\bnames? of\b",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\b(?:books?|movies?|films?|songs?|games?|shows?|series|titles?|articles?|papers?|read|watch(?:ed)?)\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    # What somebody has done so far: «Where has she camped?»
    r"\b(?:what|which|where|who|how)\b[^?]*\b(?:has|have)\b"
    # Things, named in the plural: «What instruments does he play?»
    r"|\b(?:what|which)(?: [\w+'/-]+){0,3}? (?!(?:is|was|does|has|this|his|as|us)\b)[\w/-]{2,}s"
    r" (?:do|did|does|has|have|are|is|was|were)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """``terms`` as :func:`~aethergrid_pipelines.transform.analyse.query_terms` gives them, at most MOST_TERMS.

    ``several``: the answer is probably a list, out of what was said at different times.
    """

    terms: tuple[str, ...]
    when: bool
    how_many: bool
    who_or_where: bool
    title: bool
    several: bool
    times: tuple[Mention, ...]


def understood(text: str, now: dt.datetime) -> Question:
    """What ``text`` asks for, asked at ``now``."""
    return Question(
        terms=tuple(query_terms(text)[:MOST_TERMS]),
        when=bool(_WHEN.search(text)),
        how_many=bool(_HOW_MANY.search(text)),
        who_or_where=bool(_WHO_OR_WHERE.search(text)),
        title=bool(_TITLE.search(text)),
        several=bool(_SEVERAL.search(text)),
        times=tuple(mentions(text, now)),
    )
