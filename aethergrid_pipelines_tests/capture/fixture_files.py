"""Files as other programs write them, made for the tests, each with the traps of its format."""

from collections import Counter
from pathlib import Path

from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected, Skipped, Source

FIXTURES = Path(__file__).parent / "fixtures"


def files_of(source: str) -> list[Path]:
    """The fixtures of a source, by the name of its folder; rows of a database are no file of it."""
    return sorted(path for path in (FIXTURES / source).rglob("*") if path.is_file() and path.name != "rows.json")


def read(source: Source, path: Path) -> list[Outcome]:
    """The outcomes of a file."""
    return list(source.read(path, space="default"))


def lines_told(outcomes: list[Outcome]) -> Counter[int | None]:
    """How many outcomes there are of each line."""
    return Counter(
        outcome.message.origin.line if isinstance(outcome, Captured) else outcome.line for outcome in outcomes
    )


def reasons(outcomes: list[Outcome]) -> Counter[str]:
    """Why lines were skipped, and how many of them."""
    return Counter(outcome.reason for outcome in outcomes if isinstance(outcome, Skipped))


def merged(outcomes: list[Outcome]) -> list[int]:
    """The lines that are part of a message which another line stands for."""
    return [outcome.line for outcome in outcomes if isinstance(outcome, Merged)]


def rejected(outcomes: list[Outcome]) -> list[tuple[int | None, str | None]]:
    """The lines that were rejected, each with its field."""
    return [(outcome.line, outcome.field) for outcome in outcomes if isinstance(outcome, Rejected)]
