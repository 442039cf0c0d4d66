"""Files that are read twice, because what is said at their end decides what their beginning means."""

from collections.abc import Callable, Iterator
from itertools import islice

from aethergrid_pipelines.capture.jsonl import Line
from aethergrid_pipelines.capture.protocol import Rejected, Skipped

Lines = Iterator[Line | Skipped | Rejected]


class ReadTwice:
    """The lines of a file that may grow in between: the second reading ends where the first one did, and takes a last
    line that was half written as that. The rest is for the next import."""

    def __init__(self, read: Callable[[], Lines]) -> None:
        self._read = read
        self._count = 0
        self._last: Skipped | Rejected | None = None

    def first(self) -> Iterator[Line]:
        """The lines that hold something. Raises ``OSError``."""
        self._count = 0
        for line in self._read():
            self._count += 1
            self._last = None if isinstance(line, Line) else line
            if isinstance(line, Line):
                yield line

    def second(self) -> Lines:
        """All lines of the first reading, once it is over. Raises ``OSError``."""
        for number, line in enumerate(islice(self._read(), self._count), start=1):
            yield self._last if self._last is not None and number == self._count else line
