"""Clients' configurations: ours goes in and out again, and nothing else moves."""

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from aethergrid_pipelines.mcp_server.clients import Client, UnknownClient, client_named, entry_here
from aethergrid_pipelines.mcp_server.installation import BACKUP, Unfit, installed, uninstalled

ENTRY: dict[str, Any] = {
    "command": "/opt/aethergrid/bin/aethergrid",
    "args": ["mcp"],
    "env": {"AETHERGRID_HOME": "/data"},
}
NAMES = ("claude-code", "claude-desktop", "cursor", "codex", "gemini")

JSON = (
    "{}",
    "{}\n",
    "",
    " \n",
    '{ "mcpServers": { } }\n',
    '{"mcpServers":{"other":{"command":"x"}},"numStartups":7}',
    '{\n  "theme": "dark",\n  "mcpServers": {\n    "other": {\n      "command": "x"\n    }\n  },\n  "z": [1, 2]\n}\n',
    '{\n\t"theme": "dark",\n\t"mcpServers": {}\n}',
    '{\r\n    "a": "\\u00e9 é 😀",\r\n    "mcpServers": {\r\n        "b": {"command": "c"}\r\n    }\r\n}\r\n',
    '\ufeff{\n  "a": 1.0e5,\n  "nested": {"mcpServers": {"aethergrid": 1}}\n}\n',
)
TOML = (
    "",
    'model = "gpt-5"\n',
    '# mine\nmodel = "gpt-5"   # best\n\n[mcp_servers.other]\ncommand = "x"\nargs = [ "-y",\n  "z" ]\n\n[tui]\nx = 1\n',
    '[mcp_servers]\n[mcp_servers.other]\ncommand = "x"\n[profiles.a]\nmodel = "o3"',
    "model = \"gpt-5\"\r\n\r\n[mcp_servers.other]\r\ncommand = 'C:\\x'\r\n",
)


def client(name: str, home: Path) -> Client:
    return client_named(name, home=home, environment={}, platform="linux")


def written(found: Client, content: str) -> Path:
    found.path.parent.mkdir(parents=True, exist_ok=True)
    found.path.write_bytes(content.encode())
    return found.path


def parsed(found: Client) -> dict[str, Any]:
    text = found.path.read_text(encoding="utf-8-sig")
    return dict(tomllib.loads(text) if found.form == "toml" else json.loads(text))


def cases() -> list[tuple[str, str]]:
    return [("cursor", content) for content in JSON] + [("codex", content) for content in TOML]


@pytest.mark.parametrize("name", NAMES)
def test_the_entry_is_where_its_client_looks(name: str, tmp_path: Path) -> None:
    found = client(name, tmp_path)

    installed(found, ENTRY)

    entry = parsed(found)[found.table]["aethergrid"]
    assert {key: entry[key] for key in ENTRY} == ENTRY
    assert entry.get("type") == ("stdio" if name == "claude-code" else None)


@pytest.mark.parametrize(("name", "content"), cases())
def test_what_goes_in_comes_out_byte_for_byte(name: str, content: str, tmp_path: Path) -> None:
    found = client(name, tmp_path)
    path = written(found, content)

    installed(found, ENTRY)
    changed = path.read_bytes()
    uninstalled(found)

    assert changed != content.encode()
    assert path.read_bytes() == content.encode()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("name", "content"), cases())
def test_nothing_else_in_a_configuration_changes(name: str, content: str, tmp_path: Path) -> None:
    found = client(name, tmp_path)
    path = written(found, content)
    before = parsed(found) if content.strip() else {}

    installed(found, ENTRY)

    after = parsed(found)
    assert after[found.table].pop("aethergrid") == ENTRY
    if not after[found.table] and found.table not in before:
        del after[found.table]
    assert after == before
    # Every line that was there is there, in its order; the one that a comma was added to, with it.
    kept = iter([line.rstrip(",\r{}") for line in path.read_bytes().decode().split("\n")])
    if content.count("\n") > 1:
        assert all(line.rstrip(",\r{}") in kept for line in content.split("\n") if line.strip("\r"))


@pytest.mark.parametrize("content", [*JSON[5:]])
def test_only_ours_goes_where_others_were_added_since(content: str, tmp_path: Path) -> None:
    found = client("cursor", tmp_path)
    written(found, content)
    installed(found, ENTRY)
    later = parsed(found)
    later[found.table]["newer"] = {"command": "n"}
    later["added"] = True
    written(found, json.dumps(later, indent=4))

    uninstalled(found)

    del later[found.table]["aethergrid"]
    assert parsed(found) == later
    assert found.path.read_text() == json.dumps(later, indent=4)


@pytest.mark.parametrize("content", TOML[1:])
def test_only_our_table_goes_where_others_were_added_since(content: str, tmp_path: Path) -> None:
    found = client("codex", tmp_path)
    path = written(found, content)
    installed(found, ENTRY)
    before = {**tomllib.loads(content)}
    with path.open("a", newline="") as file:
        file.write('\n[mcp_servers.newer] # mine too\ncommand = "n"\n')

    uninstalled(found)

    servers = {**before.get("mcp_servers", {}), "newer": {"command": "n"}}
    assert parsed(found) == {**before, "mcp_servers": servers}
    assert "# mine too" in path.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_was_made_for_it_goes_with_it(name: str, tmp_path: Path) -> None:
    found = client(name, tmp_path)

    installed(found, ENTRY)
    assert found.path.exists()
    uninstalled(found)

    assert not found.path.exists()


@pytest.mark.parametrize("name", ["cursor", "codex"])
def test_a_second_time_changes_nothing(name: str, tmp_path: Path) -> None:
    found = client(name, tmp_path)
    installed(found, ENTRY)
    before = found.path.stat().st_mtime_ns, found.path.read_bytes()

    assert "already" in installed(found, ENTRY).told
    assert (found.path.stat().st_mtime_ns, found.path.read_bytes()) == before
    uninstalled(found)
    assert "does not have it" in uninstalled(found).told


@pytest.mark.parametrize(("name", "content"), [("cursor", JSON[6]), ("codex", TOML[2])])
def test_an_entry_that_moved_is_brought_up_to_date_and_still_comes_out(name: str, content: str, tmp_path: Path) -> None:
    found = client(name, tmp_path)
    path = written(found, content)
    installed(found, ENTRY)

    installed(found, {**ENTRY, "command": "/elsewhere/aethergrid"})

    assert parsed(found)[found.table]["aethergrid"]["command"] == "/elsewhere/aethergrid"
    uninstalled(found)
    assert path.read_text() == content


def test_a_copy_that_was_left_behind_is_not_taken_for_what_there_was(tmp_path: Path) -> None:
    found = client("cursor", tmp_path)
    path = written(found, JSON[6])
    installed(found, ENTRY)
    written(found, JSON[5])  # Its client wrote it again, without us.

    installed(found, ENTRY)
    uninstalled(found)

    assert path.read_text() == JSON[5]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("claude-code", '{"a": 1,}'),
        ("claude-code", '{"mcpServers": {"x": {}}'),
        ("cursor", '// mine\n{"mcpServers": {}}'),
        ("cursor", "[]"),
        ("gemini", '{"mcpServers": []}'),
        ("gemini", '{"mcpServers": {}, "mcpServers": {}}'),
        ("codex", "model = \n"),
        ("codex", 'mcp_servers = "none"\n'),
        ("codex", 'mcp_servers = {other = {command = "x"}}\n'),
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(name: str, content: str, tmp_path: Path) -> None:
    found = client(name, tmp_path)
    path = written(found, content)

    with pytest.raises(Unfit, match="was left as it is") as refused:
        installed(found, ENTRY)

    assert str(path) in str(refused.value)
    assert ENTRY["command"] in str(refused.value), "it says what to add by hand"
    assert path.read_bytes() == content.encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    found = client("cursor", tmp_path)
    path = written(found, "")
    path.write_bytes(b'{"a": "\xff"}')

    with pytest.raises(Unfit, match="was left as it is"):
        installed(found, ENTRY)
    with pytest.raises(Unfit):
        uninstalled(found)
    assert path.read_bytes() == b'{"a": "\xff"}'


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    found = client("claude-desktop", tmp_path)
    path = written(found, JSON[6])

    done = installed(found, ENTRY, dry_run=True)

    assert done.after is not None
    assert json.loads(done.after)["mcpServers"]["aethergrid"] == ENTRY
    assert path.read_text() == JSON[6]
    assert list(path.parent.iterdir()) == [path]


def test_a_dry_run_of_taking_out_writes_nothing(tmp_path: Path) -> None:
    found = client("claude-desktop", tmp_path)
    path = written(found, JSON[6])
    installed(found, ENTRY)
    before = path.read_bytes()

    assert uninstalled(found, dry_run=True).after == JSON[6].encode()
    assert path.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_permissions_and_links_stay(tmp_path: Path) -> None:
    found = client("claude-code", tmp_path)
    real = tmp_path / "dotfiles" / "claude.json"
    real.parent.mkdir()
    real.write_text('{"oauthAccount": "secret"}\n')
    real.chmod(0o600)
    found.path.symlink_to(real)

    installed(found, ENTRY)

    backup = real.with_name(real.name + BACKUP)
    assert found.path.is_symlink()
    assert json.loads(real.read_text())["mcpServers"]["aethergrid"]["type"] == "stdio"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (real, backup)] == [0o600, 0o600]


@pytest.mark.parametrize(
    ("name", "platform", "expected"),
    [
        ("claude-desktop", "darwin", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("claude-desktop", "win32", "AppData/Roaming/Claude/claude_desktop_config.json"),
        ("claude-desktop", "linux", ".config/Claude/claude_desktop_config.json"),
        ("claude-code", "darwin", ".claude.json"),
        ("cursor", "win32", ".cursor/mcp.json"),
        ("codex", "linux", ".codex/config.toml"),
        ("gemini", "linux", ".gemini/settings.json"),
    ],
)
def test_each_system_has_its_place(name: str, platform: str, expected: str, tmp_path: Path) -> None:
    assert client_named(name, home=tmp_path, environment={}, platform=platform).path == tmp_path / expected


def test_clients_own_variables_are_heeded(tmp_path: Path) -> None:
    variables = {"CODEX_HOME": str(tmp_path / "cx"), "CLAUDE_CONFIG_DIR": str(tmp_path / "cl")}

    assert client_named("codex", environment=variables).path == tmp_path / "cx" / "config.toml"
    assert client_named("claude-code", environment=variables).path == tmp_path / "cl" / ".claude.json"


def test_an_unknown_client_is_told_of_those_there_are() -> None:
    with pytest.raises(UnknownClient, match="claude-code, claude-desktop, cursor, codex, gemini"):
        client_named("emacs")


def test_an_entry_starts_this_installation_with_these_settings(tmp_path: Path) -> None:
    Path(".env").write_text("MONGODB_URL=mongodb://127.0.0.1:27018\n")
    variables = {
        "AETHERGRID_HOME": "data",
        "MONGODB_URL": "mongodb://u:secret@h",
        "POSTGRES_URL": "postgresql://u:secret@h/d",
    }

    entry, unset = entry_here(variables)

    assert Path(entry["command"]).exists()
    assert entry["args"] == ["mcp", "--folder", str(tmp_path)]
    assert entry["env"] == {"AETHERGRID_HOME": str(tmp_path / "data")}
    assert unset == ("POSTGRES_URL",)
    assert "secret" not in json.dumps(entry)
