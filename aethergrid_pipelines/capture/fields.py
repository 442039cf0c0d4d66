"""What sources share in reading the fields of a record."""

from collections.abc import Mapping
from typing import Any

import orjson

# The separator of deterministic ids (records/ids.py): an id that held one could pass for another.
_SEPARATOR = "\x1f"


class UnfitField(ValueError):
    """A field that cannot be read: which one, and what is expected of it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def text_of(record: Mapping[str, Any], field: str, *, limit: int | None = None) -> str | None:
    """A text field, ``None`` where it is absent, null or empty. Raises :class:`UnfitField`."""
    value = record.get(field)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise UnfitField(field, f"expected text, not {json_type(value)}")
    if limit is not None and len(value) > limit:
        raise UnfitField(field, f"longer than {limit} characters")
    return value


def identifier_of(record: Mapping[str, Any], field: str, *, limit: int | None = None) -> str | None:
    """An id: text or an integer, as text. Raises :class:`UnfitField`."""
    value = record.get(field)
    if isinstance(value, str) and value and limit is None and _SEPARATOR not in value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = text_of(record, field, limit=limit)
    if text is not None and _SEPARATOR in text:
        raise UnfitField(field, "holds the control character U+001F")
    return text


def name_in(record: Mapping[str, Any], field: str) -> str:
    """A text by which things are told apart; empty where the field holds none."""
    value = record.get(field)
    return value if isinstance(value, str) else ""


def parsed_text(value: object) -> object:
    """The arguments or the result of a tool call, which some write as JSON in a text; any other text as it is."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def json_type(value: object) -> str:
    """What JSON calls the type of ``value``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "an array" if isinstance(value, list) else "an object"
