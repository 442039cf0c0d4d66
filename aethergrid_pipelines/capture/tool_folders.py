"""Where tools write their transcripts, on Linux, macOS and Windows.

A source that is not listed here may say so itself, by a method ``folders(home)`` that returns folders to follow.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aethergrid_pipelines.capture.protocol import Source
from aethergrid_pipelines.capture.registry import HEAD_BYTES, detect, sources

_TEXT = re.compile(r"\.(?:jsonl|ndjson|json)(?:\.zst|\.\d+)?\Z")
_ROTATED = re.compile(r"\.\d+\Z")


@dataclass(frozen=True, slots=True)
class FollowedFolder:
    """A folder and the files in it, at any depth, that are followed: those of ``source`` (of any source where it is
    ``None``) whose path matches ``pattern`` (as ``PurePath.match`` does) and whose name ends like a transcript's."""

    path: Path
    source: str | None = None
    pattern: str = "*"

    def holds(self, path: Path) -> bool:
        """Whether a file at ``path`` would be followed."""
        named = path.name == self.pattern or (_TEXT.search(path.name) is not None and path.match(self.pattern))
        return named and path.is_relative_to(self.path)

    def files(self) -> Iterator[Path]:
        """The files that are there now, by name. A folder that is missing or closed to us gives none."""
        for root, folders, names in os.walk(self.path):
            folders.sort()
            yield from (path for name in sorted(names) if self.holds(path := Path(root, name)))

    def source_of(self, path: Path) -> Source | None:
        """The source that recognises the file, if it is one that is followed here. Raises ``OSError``."""
        found = detect(path)
        if found is None and _ROTATED.search(path.name):
            found = _recognised_before_rotation(path)
        return found if self.source is None or (found and found.name == self.source) else None


def _recognised_before_rotation(path: Path) -> Source | None:
    """``session.jsonl.1`` is what ``session.jsonl`` was."""
    named = path.with_name(_ROTATED.sub("", path.name))
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return next((source for source in sources().values() if source.recognises(named, head)), None)


def tool_folders(
    home: Path | None = None, environment: Mapping[str, str] | None = None, platform: str = sys.platform
) -> list[FollowedFolder]:
    """The folders of every tool whose source is installed, whether they exist yet or not.

    ``home`` is the user's folder, ``platform`` as ``sys.platform`` says it. The tools' own variables are heeded:
    ``CLAUDE_CONFIG_DIR``, ``CODEX_HOME``.
    """
    home = home or Path.home()
    variables = os.environ if environment is None else environment
    found = [*_listed(home, variables, platform)]
    for source in sources().values():
        folders = getattr(source, "folders", None)
        if folders is not None:
            found.extend(FollowedFolder(Path(folder), source.name) for folder in folders(home))
    return [folder for folder in found if folder.source in sources()]


def _listed(home: Path, variables: Mapping[str, str], platform: str) -> Iterator[FollowedFolder]:
    if given := variables.get("CLAUDE_CONFIG_DIR"):
        claude: Iterable[Path] = [Path(folder.strip()).expanduser() for folder in given.split(",")]
    else:
        claude = [home / ".claude", home / ".config" / "claude"]
    for folder in claude:
        yield FollowedFolder(folder / "projects", "claude-code")
    codex = Path(variables.get("CODEX_HOME") or home / ".codex").expanduser()
    yield FollowedFolder(codex / "sessions", "codex")
    yield FollowedFolder(codex / "archived_sessions", "codex")
    yield FollowedFolder(home / ".gemini" / "tmp", "gemini-cli", "chats/*")
    yield FollowedFolder(_applications(home, variables, platform) / "Cursor" / "User", "cursor", "state.vscdb")


def _applications(home: Path, variables: Mapping[str, str], platform: str) -> Path:
    """Where applications keep their data."""
    if platform == "darwin":
        return home / "Library" / "Application Support"
    if platform == "win32":
        return Path(variables.get("APPDATA") or home / "AppData" / "Roaming")
    return Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
