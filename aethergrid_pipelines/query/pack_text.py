"""Fragments of a pack as a text for a model to read, and what each of its lines costs.

    # Connections
    5 Oct 2026
    user: Why does the checkout run out of connections?
    gpt-5: Each request leaks one when it times out.

    gpt-5: Return the connection in a finally block.

A heading for each conversation, a date (UTC) where the day changes, who speaks at the start of each message, an empty
line where something between two lines is left out. Nothing else: what attributes takes tokens from what is attributed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aethergrid_pipelines.records.flow import Fragment

CUT = " …"


@dataclass(frozen=True, slots=True)
class Piece:
    """A fragment as it is shown: ``text`` is its content, or the beginning of it where ``cut``."""

    fragment: Fragment
    text: str
    cut: bool = False


Passage = list[Piece]
"""Pieces of one conversation that follow each other without a gap."""


def passages(pieces: Iterable[Piece]) -> list[Passage]:
    """Pieces in the order in which they are read: by conversation, the one that begins first before the others; within
    one as it was said."""
    found: list[Passage] = []
    for piece in _in_reading_order(pieces):
        if found and _follows(piece, found[-1][-1]):
            found[-1].append(piece)
        else:
            found.append([piece])
    return found


def as_text(read: Sequence[Passage], *, numbered: bool = False) -> str:
    """Passages in reading order as one text; with ``numbered`` each begins with its number, ``[1]`` being the first."""
    lines: list[str] = []
    before: Fragment | None = None
    for number, passage in enumerate(read, start=1):
        mark = f"[{number}] " if numbered else ""
        for piece in passage:
            lines += _above(piece.fragment, before)
            lines.append(mark + _line(piece, before))
            before, mark = piece.fragment, ""
    return "\n".join(lines)


def said(passage: Passage) -> str:
    """A passage without what stands above it: who speaks, and what."""
    before = (None, *(piece.fragment for piece in passage))
    return "\n".join(_line(piece, last) for piece, last in zip(passage, before, strict=False))


def heading(fragment: Fragment) -> str:
    """What stands above the first line of a conversation."""
    return f"# {' '.join((fragment.title or fragment.source).split())}"


def date(fragment: Fragment) -> str:
    """What stands above the first line of a day."""
    return f"{fragment.timestamp.day} {fragment.timestamp:%b %Y}"


def line(fragment: Fragment, text: str) -> str:
    """The first line of a message: the model that speaks, else the person, else the role."""
    return f"{fragment.source_model or fragment.speaker or fragment.role}: {text}"


def _in_reading_order(pieces: Iterable[Piece]) -> list[Piece]:
    ordered = sorted(pieces, key=lambda piece: (piece.fragment.ordinal, piece.fragment.id))
    begins: dict[str, tuple[str, str]] = {}
    for piece in ordered:
        key = (piece.fragment.timestamp.isoformat(), piece.fragment.conversation_id)
        begins.setdefault(piece.fragment.conversation_id, key)
    return sorted(ordered, key=lambda piece: begins[piece.fragment.conversation_id])


def _above(fragment: Fragment, before: Fragment | None) -> Iterator[str]:
    if before is None:
        yield from (heading(fragment), date(fragment))
    elif before.conversation_id != fragment.conversation_id:
        yield from ("", heading(fragment), date(fragment))
    elif before.timestamp.date() != fragment.timestamp.date():
        yield from ("", date(fragment))
    elif fragment.ordinal > before.ordinal + 1:
        yield ""


def _line(piece: Piece, before: Fragment | None) -> str:
    goes_on = before is not None and (before.message_id, before.ordinal + 1) == (
        piece.fragment.message_id,
        piece.fragment.ordinal,
    )
    return piece.text if goes_on else line(piece.fragment, piece.text)


def _follows(piece: Piece, before: Piece) -> bool:
    there, here = before.fragment, piece.fragment
    return not before.cut and there.conversation_id == here.conversation_id and here.ordinal == there.ordinal + 1
