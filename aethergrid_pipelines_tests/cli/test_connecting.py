"""``aethergrid mcp --install``: as people type it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aethergrid_pipelines.cli.app import app

OTHERS = '{\n  "mcpServers": {\n    "other": {"command": "x"}\n  }\n}\n'


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["mcp", *arguments])


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    path = tmp_path / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_text(OTHERS)
    return path


def test_installing_says_what_it_did_and_uninstalling_undoes_it(configuration: Path) -> None:
    added = run("--install", "cursor")
    servers = json.loads(configuration.read_text())["mcpServers"]
    removed = run("--uninstall", "cursor")

    assert (added.exit_code, removed.exit_code) == (0, 0)
    assert str(configuration) in added.stdout
    assert set(servers) == {"other", "aethergrid"}
    assert configuration.read_text() == OTHERS


def test_a_dry_run_prints_the_file_and_writes_nothing(configuration: Path) -> None:
    result = run("--install", "cursor", "--dry-run")

    assert set(json.loads(result.stdout)["mcpServers"]) == {"other", "aethergrid"}
    assert configuration.read_text() == OTHERS


def test_a_damaged_file_ends_the_command_and_stays(configuration: Path) -> None:
    configuration.write_text('{"mcpServers": ')

    result = run("--install", "cursor")

    assert result.exit_code == 1
    assert "left as it is" in result.stderr
    assert configuration.read_text() == '{"mcpServers": '


def test_variables_that_a_client_will_lack_are_named(configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_URL", "postgresql://u:hidden@h/d")

    result = run("--install", "cursor")

    assert "POSTGRES_URL" in result.stderr
    assert "hidden" not in result.output + configuration.read_text()


def test_an_unknown_client_is_told_of_those_there_are() -> None:
    result = run("--install", "emacs")

    assert result.exit_code == 1
    assert "claude-desktop" in result.stderr


def test_in_and_out_at_once_is_refused(configuration: Path) -> None:
    result = run("--install", "cursor", "--uninstall", "cursor")

    assert result.exit_code == 2
    assert configuration.read_text() == OTHERS
