"""Rollouts that were copied from another one.

A fork, and a subagent that is given the conversation so far, begins with the lines of the original, written again with
the time of the fork. They are told from new lines by comparing them with the original.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from aethergrid_pipelines.capture.codex_item import Item
from aethergrid_pipelines.capture.codex_row import read_row
from aethergrid_pipelines.capture.fields import UnfitField
from aethergrid_pipelines.capture.jsonl import Line
from aethergrid_pipelines.capture.zstd_lines import read_plain_or_compressed_lines

_HOMES = ("sessions", "archived_sessions")
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


def said_by(session: str, path: Path) -> frozenset[int] | None:
    """The fingerprints of what the rollouts of ``session`` say, which are looked for in the folders of Codex around
    ``path``, or beside it. ``None`` where there are none."""
    files = [file for file in _rollouts(session, path) if file != path]
    if not files:
        return None
    found: set[int] = set()
    for file in files:
        status = file.stat()
        found |= _fingerprints(file, status.st_mtime_ns, status.st_size)
    return frozenset(found)


def fingerprint(payload: Mapping[str, Any]) -> int:
    """Equal for equal payloads, within one process."""
    return hash(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS))


def _rollouts(session: str, path: Path) -> Iterator[Path]:
    if not _ID.fullmatch(session):
        return
    name = f"rollout-*-{session}*.jsonl*"
    home = next((folder.parent for folder in path.parents if folder.name in _HOMES), None)
    if home is None:
        yield from path.parent.glob(name)
        return
    for folder in _HOMES:
        yield from (home / folder).rglob(name)


# A session may have hundreds of subagents, each of which begins with a copy of it.
@lru_cache(maxsize=4)
def _fingerprints(path: Path, modified: int, size: int) -> frozenset[int]:
    found: set[int] = set()
    for line in read_plain_or_compressed_lines(path):
        if not isinstance(line, Line):
            continue
        try:
            row = read_row(line.value)
        except UnfitField:
            continue
        if isinstance(row.says, Item):
            found.add(fingerprint(row.payload))
    return frozenset(found)
