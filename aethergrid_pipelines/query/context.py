"""The conversation around hits, as text for a model to read."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aethergrid_pipelines.records.flow import Fragment

REACH = 2
"""How many fragments on each side of a hit are shown."""


@dataclass(frozen=True, slots=True)
class Window:
    """Fragments ``first``…``last`` (ordinals) of a conversation."""

    conversation_id: str
    first: int
    last: int


def windows(hits: Iterable[Fragment]) -> list[Window]:
    """The windows around hits, overlapping and touching ones joined: conversations in the order of their best hit,
    within one by ordinal."""
    ordinals: dict[str, list[int]] = {}
    for hit in hits:
        ordinals.setdefault(hit.conversation_id, []).append(hit.ordinal)
    return [window for conversation, found in ordinals.items() for window in _joined(conversation, sorted(found))]


def _joined(conversation: str, ordinals: Sequence[int]) -> Iterator[Window]:
    first = last = None
    for ordinal in ordinals:
        if first is None or last is None or ordinal - REACH > last + 1:
            if first is not None and last is not None:
                yield Window(conversation, first, last)
            first = max(0, ordinal - REACH)
        last = ordinal + REACH
    if first is not None and last is not None:
        yield Window(conversation, first, last)


def around(hit: Fragment, fragments: Iterable[Fragment]) -> list[Fragment]:
    """Those of ``fragments`` that belong to the window of one hit."""
    return [
        fragment
        for fragment in fragments
        if fragment.conversation_id == hit.conversation_id and abs(fragment.ordinal - hit.ordinal) <= REACH
    ]


def as_text(fragments: Iterable[Fragment]) -> str:
    """Fragments in the order given, as a text: a heading for each conversation, a line for each speaker with role,
    model and time (UTC), and ``[…]`` where something is left out."""
    parts: list[str] = []
    for _, group in itertools.groupby(fragments, key=lambda fragment: fragment.conversation_id):
        before: Fragment | None = None
        for fragment in group:
            if before is None:
                parts.append(f"## {fragment.title or 'Untitled'} ({fragment.source}, {fragment.timestamp:%Y-%m-%d})")
            elif fragment.ordinal > before.ordinal + 1:
                parts.append("[…]")
            if before is None or before.message_id != fragment.message_id:
                parts.append(f"[{speaker(fragment)}, {fragment.timestamp:%Y-%m-%d %H:%M}]")
            parts.append(fragment.content)
            before = fragment
    return "\n".join(parts)


def speaker(fragment: Fragment) -> str:
    """Who speaks: the role, and the model or the person where it is known."""
    return " · ".join(name for name in (fragment.role, fragment.source_model, fragment.speaker) if name)
