"""Where tools write, on each platform, and what is followed there."""

from pathlib import Path

import pytest

from aethergrid_pipelines.capture import tool_folders as looking
from aethergrid_pipelines.capture.claude_code import ClaudeCode
from aethergrid_pipelines.capture.generic import Generic
from aethergrid_pipelines.capture.protocol import Source
from aethergrid_pipelines.capture.tool_folders import FollowedFolder, tool_folders
from aethergrid_pipelines_tests.capture.following import said
from aethergrid_pipelines_tests.capture.rows import write_lines

HOME = Path("/home/dev")


class Named(ClaudeCode):
    """A source that is installed; ``folders`` are those that it names itself."""

    def __init__(self, name: str) -> None:
        self.name = name


class Elsewhere(Named):
    def folders(self, home: Path) -> list[Path]:
        return [home / "elsewhere" / "sessions"]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Source]:
    """Every tool's source, and one of another package."""
    found: dict[str, Source] = {name: Named(name) for name in ("claude-code", "codex", "cursor", "gemini-cli")}
    found["elsewhere"] = Elsewhere("elsewhere")
    monkeypatch.setattr(looking, "sources", lambda: found)
    return found


@pytest.mark.parametrize(
    ("platform", "variables", "cursor"),
    [
        ("linux", {}, HOME / ".config" / "Cursor" / "User"),
        ("linux", {"XDG_CONFIG_HOME": "/x"}, Path("/x/Cursor/User")),
        ("darwin", {}, HOME / "Library" / "Application Support" / "Cursor" / "User"),
        ("win32", {}, HOME / "AppData" / "Roaming" / "Cursor" / "User"),
        ("win32", {"APPDATA": "/r"}, Path("/r/Cursor/User")),
    ],
)
def test_each_platform_has_its_folders(
    installed: dict[str, Source], platform: str, variables: dict[str, str], cursor: Path
) -> None:
    found = {(folder.source, folder.path) for folder in tool_folders(HOME, variables, platform)}

    assert found == {
        ("claude-code", HOME / ".claude" / "projects"),
        ("claude-code", HOME / ".config" / "claude" / "projects"),
        ("codex", HOME / ".codex" / "sessions"),
        ("codex", HOME / ".codex" / "archived_sessions"),
        ("gemini-cli", HOME / ".gemini" / "tmp"),
        ("cursor", cursor),
        ("elsewhere", HOME / "elsewhere" / "sessions"),
    }


def test_the_tools_own_variables_are_heeded(installed: dict[str, Source]) -> None:
    variables = {"CLAUDE_CONFIG_DIR": "/a,/b", "CODEX_HOME": "/c"}
    found = {str(folder.path) for folder in tool_folders(HOME, variables, "linux")}

    assert {"/a/projects", "/b/projects", "/c/sessions"} <= found
    assert str(HOME / ".claude" / "projects") not in found


def test_a_tool_whose_source_is_not_installed_is_left_alone(
    installed: dict[str, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    del installed["cursor"]

    assert "cursor" not in {folder.source for folder in tool_folders(HOME, {}, "linux")}


@pytest.mark.parametrize(
    ("folder", "path", "held"),
    [
        (FollowedFolder(HOME), "a/b.jsonl", True),
        (FollowedFolder(HOME), "a/b.jsonl.2", True),
        (FollowedFolder(HOME), "a/b.jsonl.zst", True),
        (FollowedFolder(HOME), "a/b.json", True),
        (FollowedFolder(HOME), "a/b.txt", False),
        (FollowedFolder(HOME), "a/b.jsonl.part", False),
        (FollowedFolder(HOME), "../b.jsonl", False),
        (FollowedFolder(HOME, "gemini-cli", "chats/*"), "hash/chats/session-1.json", True),
        (FollowedFolder(HOME, "gemini-cli", "chats/*"), "hash/logs.json", False),
        (FollowedFolder(HOME, "cursor", "state.vscdb"), "globalStorage/state.vscdb", True),
        (FollowedFolder(HOME, "cursor", "state.vscdb"), "globalStorage/state.vscdb.backup", False),
    ],
)
def test_what_is_followed_is_told_by_its_name(folder: FollowedFolder, path: str, held: bool) -> None:
    import os

    assert folder.holds(Path(os.path.normpath(HOME / path))) is held


def test_a_tools_folder_gives_only_what_that_tool_wrote(tmp_path: Path) -> None:
    generic = write_lines(tmp_path / "g.jsonl", [{"conversation": "c", "role": "user", "content": "x"}])
    claude = write_lines(tmp_path / "c.jsonl.3", said("one"))
    folder = FollowedFolder(tmp_path, "claude-code")

    assert folder.source_of(generic) is None
    assert isinstance(folder.source_of(claude), ClaudeCode)
    assert isinstance(FollowedFolder(tmp_path).source_of(generic), Generic)
    assert list(folder.files()) == [claude, generic]
    assert list(FollowedFolder(tmp_path / "missing").files()) == []
