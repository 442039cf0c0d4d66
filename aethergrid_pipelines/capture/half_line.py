"""A transcript that is being written: its half-written last line is held back until it is complete."""

from collections.abc import Iterator
from pathlib import Path

from aethergrid_pipelines.capture.protocol import Captured, Outcome, Rejected, Skipped, Source

HALF_WRITTEN = "half-written last line"
"""The reason by which the account counts it, until it is complete."""

# What `capture.jsonl` says of a last line without an end that is not JSON; an object is JSON at its last brace only.
TRUNCATED = "truncated last line"


class HoldingBack:
    """A source that does not reject a half-written last line. ``conversations`` are those that it has met, by id."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.conversations: set[str] = set()
        self._source = source

    def recognises(self, path: Path, head: bytes) -> bool:
        """As the source does."""
        return self._source.recognises(path, head)

    def read(self, path: Path, *, space: str) -> Iterator[Outcome]:
        """As the source does, but for the last line."""
        for outcome in self._source.read(path, space=space):
            if isinstance(outcome, Captured):
                self.conversations.add(outcome.conversation.id)
            half = isinstance(outcome, Rejected) and outcome.reason == TRUNCATED
            yield Skipped(outcome.line or 0, HALF_WRITTEN) if half and isinstance(outcome, Rejected) else outcome
