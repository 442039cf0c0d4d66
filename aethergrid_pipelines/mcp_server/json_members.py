"""One member of a JSON document put in, replaced or taken out; every other byte stays as it is."""

import json
import re
from dataclasses import dataclass
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_decoder = json.JSONDecoder()


class UnfitJson(ValueError):
    """The document is not JSON, or not of the form that is needed; the message says where."""


@dataclass(frozen=True, slots=True)
class _Member:
    """``lead`` is where the white space before the name begins, ``value`` and ``end`` bound the value."""

    name: str
    lead: int
    start: int
    value: int
    end: int


def with_member(text: str, table: str, name: str, value: Any) -> str:
    """``text`` with ``{table: {name: value}}`` in it. Raises :class:`UnfitJson`."""
    text = text if text.strip() else "{}\n"
    outer = _one(_members(text, _root(text)), table)
    if outer is None:
        return _inserted(text, _root(text), table, {name: value}, depth=1)
    if text[outer.value] != "{":
        raise UnfitJson(f"{table!r} is not an object")
    inner = _one(_members(text, outer.value), name)
    if inner is None:
        return _inserted(text, outer.value, name, value, depth=2)
    if _decoder.raw_decode(text, inner.value)[0] == value:
        return text
    return text[: inner.value] + _written(value, text, text[inner.lead : inner.start]) + text[inner.end :]


def without_member(text: str, table: str, name: str) -> str:
    """``text`` without that member; as it is where there is none. Raises :class:`UnfitJson`."""
    outer = _one(_members(text, _root(text)), table) if text.strip() else None
    if outer is None or text[outer.value] != "{":
        return text
    members = _members(text, outer.value)
    inner = _one(members, name)
    if inner is None:
        return text
    place = members.index(inner)
    if place > 0:
        return text[: members[place - 1].end] + text[inner.end :]
    if len(members) > 1:
        # The comma behind it goes too; the next one's own white space stays.
        return text[: inner.lead] + text[members[1].lead :]
    return text[: outer.value] + "{}" + text[outer.end :]


def member_of(text: str, table: str, name: str) -> Any:
    """The value of that member, ``None`` where there is none. Raises :class:`UnfitJson`."""
    outer = _one(_members(text, _root(text)), table) if text.strip() else None
    if outer is None or text[outer.value] != "{":
        return None
    inner = _one(_members(text, outer.value), name)
    return None if inner is None else _decoder.raw_decode(text, inner.value)[0]


def _root(text: str) -> int:
    try:
        json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UnfitJson(f"not JSON: {error}") from error
    start = _skip(text, 0)
    if text[start] != "{":
        raise UnfitJson("not a JSON object")
    return start


def _members(text: str, brace: int) -> list[_Member]:
    """The members of the object that begins at ``brace``, in a document that is known to be JSON."""
    members: list[_Member] = []
    lead = brace + 1
    while text[_skip(text, lead)] != "}":
        start = _skip(text, lead)
        name, end = _decoder.raw_decode(text, start)
        value = _skip(text, _skip(text, end) + 1)
        _, end = _decoder.raw_decode(text, value)
        members.append(_Member(name, lead, start, value, end))
        after = _skip(text, end)
        if text[after] != ",":
            break
        lead = after + 1
    return members


def _one(members: list[_Member], name: str) -> _Member | None:
    found = [member for member in members if member.name == name]
    if len(found) > 1:
        raise UnfitJson(f"{name!r} stands in it {len(found)} times")
    return found[0] if found else None


def _inserted(text: str, brace: int, name: str, value: Any, *, depth: int) -> str:
    members = _members(text, brace)
    key = f"{json.dumps(name)}: "
    if members:
        last = members[-1]
        lead = text[last.lead : last.start]
        return f"{text[: last.end]},{lead}{key}{_written(value, text, lead)}{text[last.end :]}"
    newline, indent = _newline(text), _indent(text)
    lead = newline + indent * depth
    close = text.index("}", brace)
    return f"{text[: brace + 1]}{lead}{key}{_written(value, text, lead)}{newline}{indent * (depth - 1)}{text[close:]}"


def _written(value: Any, text: str, lead: str) -> str:
    """``value`` as JSON in the manner of the document; ``lead`` is the white space before the member's name."""
    if "\n" not in lead:
        return json.dumps(value, ensure_ascii=False)
    margin = lead.rpartition("\n")[2]
    lines = json.dumps(value, ensure_ascii=False, indent=_indent(text)).split("\n")
    return (_newline(text) + margin).join(lines)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _indent(text: str) -> str:
    found = re.search(r"\{\r?\n([ \t]+)\"", text)
    return found[1] if found else "  "


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
