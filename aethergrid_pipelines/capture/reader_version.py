"""Which code reads files: whoever changes a source need not think of a version, and nobody keeps what an older one
made of a file."""

import hashlib
import sys
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from pathlib import Path

from aethergrid_pipelines.capture.registry import sources

_PACKAGE = Path(__file__).parents[1]


@lru_cache(maxsize=1)
def readers_version() -> str:
    """32 hexadecimal digits over the code of capture and of the records, and over the module of each source that
    another package brings. Some three milliseconds, once in a process."""
    modules = (sys.modules[type(source).__module__].__file__ for source in sources().values())
    ours = chain.from_iterable((_PACKAGE / room).glob("*.py") for room in ("capture", "records"))
    return version_of({*ours, *(Path(module) for module in modules if module)})


def version_of(files: Iterable[Path]) -> str:
    """32 hexadecimal digits over the names and bytes of these files. Raises ``OSError``."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(files):
        code = path.read_bytes()
        digest.update(f"{path.name}\x00{len(code)}\x00".encode() + code)
    return digest.hexdigest()
