"""From what people type to the files to read."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

# Also exports, archives of them and databases; what no source recognises is reported and left alone.
SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".vscdb", ".zip", ".zst"})


def expand(paths: Iterable[str | Path]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The files among ``paths`` (files, folders, globs; ``~`` is expanded), absolute, sorted, each once; and what
    could not be looked at, with the reason. A folder gives what may hold conversations, at any depth."""
    files: set[Path] = set()
    problems: dict[Path, str] = {}
    for given in paths:
        for path in _matches(Path(given).expanduser()):
            if path.is_dir():
                files.update(_below(path, problems))
            elif path.exists():
                files.add(path.absolute())
            else:
                problems[path.absolute()] = "no such file"
    return sorted(files), sorted(problems.items())


def _matches(path: Path) -> list[Path]:
    first = next((number for number, part in enumerate(path.parts) if glob.has_magic(part)), None)
    if path.exists() or first is None:
        return [path]
    return list(Path(*path.parts[:first]).glob(str(Path(*path.parts[first:])))) or [path]


def _below(folder: Path, problems: dict[Path, str]) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        problems[Path(error.filename).absolute()] = error.strerror or str(error)

    for root, _, names in os.walk(folder, onerror=refused):
        yield from (Path(root, name).absolute() for name in names if Path(name).suffix in SUFFIXES)
