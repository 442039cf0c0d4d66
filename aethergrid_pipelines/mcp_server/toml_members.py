"""The same for TOML documents: a table put in, replaced or taken out; every other byte stays as it is."""

import re
import tomllib
from typing import Any


class UnfitToml(ValueError):
    """The document is not TOML, or not of the form that is needed."""


def with_table(text: str, table: str, name: str, value: dict[str, Any]) -> str:
    """``text`` with ``[table.name]`` at its end. Raises :class:`UnfitToml`."""
    import tomlkit

    if table_of(text, table, name) == value:
        return text
    text = without_table(text, table, name)
    expected = _parsed(text)
    expected.setdefault(table, {})[name] = value
    outer = tomlkit.table(is_super_table=True)
    outer.add(name, value)
    newline = "\r\n" if "\r\n" in text else "\n"
    written = tomlkit.document().add(table, outer).as_string().replace("\n", newline)
    # At the end no later key can fall into the new table.
    gap = "" if not text else newline if text.endswith("\n") else newline * 2
    found = f"{text}{gap}{written}"
    _check(found, expected, f"[{table}.{name}] cannot be added to it: {table} is closed, or of another form")
    return found


def without_table(text: str, table: str, name: str) -> str:
    """``text`` without that table; as it is where there is none. Raises :class:`UnfitToml`."""
    if table_of(text, table, name) is None:
        return text
    expected = _parsed(text)
    del expected[table][name]
    if not expected[table]:
        del expected[table]
    # The table with those below it, and the line break that was put before it, up to the next table or the end.
    ours = rf"^\[{re.escape(table)}\.{re.escape(name)}(?:\.[^\]\r\n]*)?\][^\n]*\n(?:(?!\[)[^\n]*(?:\n|\Z))*"
    found = re.sub(rf"(?:^\r?\n)?(?:{ours})+", "", text, count=1, flags=re.MULTILINE)
    if found != text and expected.get(table) is None and _parsed(found).get(table) == {}:
        expected[table] = {}
    _check(found, expected, f"{table}.{name} is not in a table of its own; take it out by hand")
    return found


def table_of(text: str, table: str, name: str) -> Any:
    """What stands in that table, ``None`` where there is none. Raises :class:`UnfitToml`."""
    found = _parsed(text).get(table)
    if found is not None and not isinstance(found, dict):
        raise UnfitToml(f"{table!r} is not a table")
    return None if found is None else found.get(name)


def _check(text: str, expected: dict[str, Any], otherwise: str) -> None:
    try:
        fits = tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        fits = False
    if not fits:
        raise UnfitToml(otherwise)


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnfitToml(f"not TOML: {error}") from error
