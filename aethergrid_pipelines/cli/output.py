"""What commands print: answers to stdout, everything else to stderr."""

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@lru_cache(maxsize=1)
def answers() -> "Console":
    """For what was asked for."""
    return _console(stderr=False)


@lru_cache(maxsize=1)
def errors() -> "Console":
    """For progress and problems."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        # Nobody's window: tables need not be folded into eighty columns.
        console.width = 200
    return console


def print_json(value: Any) -> None:
    """One JSON document, readable by people and programs."""
    import typer

    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def printable(text: str) -> str:
    """``text`` without control characters: what was captured must not steer the terminal."""
    return _CONTROLS.sub("\ufffd", text)
