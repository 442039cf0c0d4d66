"""Where secrets stand in a text.

One pass with an automaton of all literals decides for nearly every text that there is nothing to look at (some
400 MB/s); only where a literal stands its patterns are tried. Placeholders are no secrets.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from aethergrid_pipelines.capture.secret_patterns import (
    ASSIGNMENT,
    BEARER,
    PATTERNS,
    PRIVATE_KEY,
    URL_PASSWORD,
    Pattern,
)

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick, BytesAhoCorasick

LEAST_ENTROPY = 3.0
"""Bits a character, as in gitleaks' rules; «aaaa» has 0, random hexadecimal digits nearly 4."""
LEAST_ASSIGNED_ENTROPY = 3.3
"""gitleaks asks for 3.5 of what has no form of its own; that would leave out many a key of 16 characters."""

LONG = 300
"""Characters; of fixed form, only signed tokens and private keys are longer."""

_RANKS = {kind: rank for rank, kind in enumerate(dict.fromkeys(pattern.kind for pattern in PATTERNS))}
_PLACEHOLDER = re.compile(
    r"example|placeholder|change.?me|your|insert|replace|redacted|dummy|sample|x{4}|0{6}|\*{3}|\.{3}|1234567|abcdefg",
    re.IGNORECASE,
)
_NO_PASSWORDS = frozenset(
    {"pass", "passwd", "password", "pwd", "pw", "secret", "user", "username", "root", "admin", "test", "postgres"}
    | {"token", "key"}
)
_VARIABLE = re.compile(r"[${%]|^(?:%s|\[.*|[A-Z_]+)$")
_APART = re.compile(r"[-_.:~!#%^&*@/]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in a text: from ``start`` to ``end`` (exclusive), in characters."""

    start: int
    end: int
    kind: str


@lru_cache(maxsize=1)
def _automaton() -> "tuple[AhoCorasick, list[list[Pattern]]]":
    from ahocorasick_rs import AhoCorasick, Implementation

    of_literal: dict[str, list[Pattern]] = {}
    for pattern in PATTERNS:
        for literal in pattern.literals:
            of_literal.setdefault(literal, []).append(pattern)
    # Twice as fast as what the library would choose; with so few literals the table is small.
    return AhoCorasick(list(of_literal), implementation=Implementation.DFA), list(of_literal.values())


@lru_cache(maxsize=1)
def _byte_automaton() -> "BytesAhoCorasick":
    from ahocorasick_rs import BytesAhoCorasick, Implementation

    literals = dict.fromkeys(literal for pattern in PATTERNS for literal in pattern.literals)
    return BytesAhoCorasick([literal.encode() for literal in literals], implementation=Implementation.DFA)


def may_hold_secrets(text: str) -> bool:
    """Whether a literal of any pattern stands in a text; where none does, there is no secret."""
    return bool(_hits(text))


def _hits(text: str) -> list[tuple[int, int, int]]:
    """Where which literals stand. In bytes, since those need no counting of characters, which takes a quarter longer;
    only what is found in a text beyond ASCII has to be found again."""
    found = _byte_automaton().find_matches_as_indexes(text.encode("utf-8", "surrogatepass"), overlapping=True)
    return found if not found or text.isascii() else _automaton()[0].find_matches_as_indexes(text, overlapping=True)


def find_secrets(text: str) -> list[Secret]:
    """The secrets of a text in order; none overlaps another. Linear in the text's length."""
    hits = _hits(text)
    if not hits:
        return []
    of_literal = _automaton()[1]
    found: list[tuple[int, int, int]] = []
    # What begins within a long match is part of it, or no secret either: looking again could take forever.
    beyond = 0
    for literal, at, _ in hits:
        if at < beyond:
            continue
        for pattern in of_literal[literal]:
            matched = pattern.expression.match(text, at)
            if matched is None:
                continue
            if matched.end() - at > LONG:
                beyond = matched.end()
            span = _span(pattern, matched)
            if span is not None:
                found.append((*span, _RANKS[pattern.kind]))
    return _apart(found) if found else []


def is_secret_value(name: str, value: str) -> bool:
    """Whether a field of that name and value holds a secret that has no form of its own."""
    found = ASSIGNMENT.expression.search(f"{name}={value}")
    return found is not None and found[1] == value and _is_random(value)


def _span(pattern: Pattern, found: re.Match[str]) -> tuple[int, int] | None:
    """Where the secret of a match stands; ``None`` where it is none."""
    if pattern is URL_PASSWORD:
        return found.span("password") if _is_password(found["user"], found["password"]) else None
    span = found.span(1 if found.re.groups else 0)
    secret = found[1 if found.re.groups else 0]
    if pattern is PRIVATE_KEY:
        return span if len(_BASE64.findall(secret)) > 120 and "..." not in secret else None
    if pattern is ASSIGNMENT:
        return span if _is_random(secret) else None
    if pattern is BEARER:
        return span if _is_random(secret) or secret.startswith("eyJ") else None
    return span if entropy(secret) >= LEAST_ENTROPY and not _PLACEHOLDER.search(secret) else None


def _apart(found: list[tuple[int, int, int]]) -> list[Secret]:
    """Of spans that overlap, one over all of them, by the name that says most."""
    apart: list[tuple[int, int, int]] = []
    for start, end, rank in sorted(found):
        if apart and start < apart[-1][1]:
            first, last, best = apart[-1]
            apart[-1] = first, max(last, end), min(best, rank)
        else:
            apart.append((start, end, rank))
    kinds = list(_RANKS)
    return [Secret(start, end, kinds[rank]) for start, end, rank in apart]


def entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values())


def _is_password(user: str, password: str) -> bool:
    plain = password.lower()
    return not (
        plain in _NO_PASSWORDS or plain == user.lower() or _VARIABLE.search(password) or _PLACEHOLDER.search(password)
    )


def _is_random(value: str) -> bool:
    """Whether nobody would write this but to keep something closed: words, names of models and versions, paths and
    calls of functions are written by people."""
    if entropy(value) < LEAST_ASSIGNED_ENTROPY - (len(value) < 12) * 0.5 or _PLACEHOLDER.search(value):
        return False
    if value.startswith(("/", "./", "~", "../")):
        return False
    longest = max(_APART.split(value), key=len)
    digits, letters = sum(map(str.isdigit, longest)), sum(map(str.isalpha, longest))
    if not digits or not letters:
        return False
    mixed = len(longest) >= 10 and _changes(longest) >= 3
    # Passwords of people: short, with a sign in them.
    signs = len(value) >= 8 and any(sign in "!#%^&*@" for sign in value) and longest != value
    return mixed or signs


def _changes(text: str) -> int:
    """How often letters become digits, or digits letters."""
    return sum(before.isdigit() != after.isdigit() for before, after in pairwise(text))
