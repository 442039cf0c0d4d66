"""Which sources there are. Another package adds one by an entry point in the group ``aethergrid.sources``."""

from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

from aethergrid_pipelines.capture.protocol import Source

GROUP = "aethergrid.sources"
HEAD_BYTES = 64 * 1024

# What recognises almost anything is asked last.
_LAST = "generic"


@lru_cache(maxsize=1)
def sources() -> dict[str, Source]:
    """Every installed source by its name, in the order in which they are asked."""
    found: list[Source] = [point.load()() for point in entry_points(group=GROUP)]
    found.sort(key=lambda source: (source.name == _LAST, source.name))
    return {source.name: source for source in found}


def source_named(name: str) -> Source:
    """The source of that name. Raises ``ValueError`` that lists those there are."""
    if name not in sources():
        raise ValueError(f"no source is called {name!r}; there are {', '.join(sources())}, or auto")
    return sources()[name]


def detect(path: Path) -> Source | None:
    """The source that recognises a file by its name and its first 64 KiB. Raises ``OSError``."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return next((source for source in sources().values() if source.recognises(path, head)), None)
