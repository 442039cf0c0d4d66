"""``aethergrid watch``, as people and cron type it."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from typer.testing import CliRunner, Result

from aethergrid_pipelines.cli.app import app
from aethergrid_pipelines.cli.watching import TEMPORARY_FAILURE
from aethergrid_pipelines.records.ids import conversation_id
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.capture.following import said, write
from aethergrid_pipelines_tests.capture.rows import SESSION


def run(*arguments: str | Path) -> Result:
    load_settings.cache_clear()
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    write(tmp_path / "transcripts" / "a.jsonl", said("one", "two"))
    return tmp_path / "transcripts"


def test_once_captures_what_there_is_and_ends(folder: Path) -> None:
    first, second = run("watch", folder, "--once", "--json"), run("watch", folder, "--once", "--json")

    assert (first.exit_code, second.exit_code) == (0, 0)
    file, ended = events(first.stdout)
    assert (file["event"], file["change"], file["source"], file["stored"]) == ("file", "new", "claude-code", 2)
    assert ended == {"event": "ended", "files": 1, "stored": 2}
    assert events(second.stdout) == [{"event": "ended", "files": 0, "stored": 0}]
    sources = json.loads(run("status", "--json").stdout)["sources"]
    assert [(source["source"], source["files"], source["stored"]) for source in sources] == [("claude-code", 1, 2)]


def test_the_folders_of_tools_are_found(tmp_path: Path, folder: Path) -> None:
    write(tmp_path / "user" / ".claude" / "projects" / "x" / "s.jsonl", said("three"))

    assert events(run("watch", "--once", "--json").stdout)[-1]["stored"] == 1
    assert events(run("watch", "--no-tools", "--once", "--json").stdout)[-1]["files"] == 0


def test_folders_of_the_setting_are_followed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCH_FOLDERS", str(folder))

    assert events(run("watch", "--once", "--json").stdout)[-1]["stored"] == 2


def test_a_folder_that_is_named_by_a_link_is_followed_where_it_is(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    told = events(run("watch", tmp_path / "link", folder, "--once", "--json").stdout)

    assert [event.get("path") for event in told] == [str((folder / "a.jsonl").resolve()), None]


def test_once_fails_where_records_were_rejected(folder: Path) -> None:
    write(folder / "b.jsonl", [*said("three"), b"{broken\n"])
    result = run("watch", folder, "--once")

    assert result.exit_code == 1
    assert "1 rejected" in result.stderr
    assert "3 messages were stored" in result.stdout


@pytest.mark.parametrize("given", ["missing", "transcripts/a.jsonl", "home"])
def test_what_cannot_be_followed_is_refused(folder: Path, tmp_path: Path, given: str) -> None:
    (tmp_path / "home").mkdir()

    assert run("watch", tmp_path / given, "--once").exit_code == 2


def test_two_do_not_follow_at_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "locks").mkdir(parents=True)
    with FileLock(tmp_path / "home" / "locks" / "watch.lock"):
        result = run("watch", folder, "--once")

    assert result.exit_code == TEMPORARY_FAILURE
    assert "another" in result.stderr


def test_forgetting_erases_the_archived_transcript(folder: Path, tmp_path: Path) -> None:
    run("watch", folder, "--once")
    assert list((tmp_path / "home" / "archive").rglob("a.jsonl"))
    forgotten = run("forget", conversation_id("default", "claude-code", SESSION), "--yes", "--json")

    assert forgotten.exit_code == 0
    assert json.loads(forgotten.stdout)["remains"]["archive"] == 0
    assert list((tmp_path / "home" / "archive").rglob("a.jsonl")) == []
    assert (folder / "a.jsonl").exists()
    write(folder / "a.jsonl", said("one", "two", "three"))
    assert events(run("watch", folder, "--once", "--json").stdout)[-1]["stored"] == 0
    assert list((tmp_path / "home" / "archive").rglob("a.jsonl")) == []


def test_the_archive_can_be_switched_off(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_TRANSCRIPTS", "false")
    run("watch", folder, "--once")

    assert not (tmp_path / "home" / "archive").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_follows_until_it_is_asked_to_stop(folder: Path, number: signal.Signals) -> None:
    command = [str(Path(sys.executable).with_name("aethergrid")), "watch", str(folder), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(json.loads(line)["event"])
            if told[-1] == "caught-up":
                process.send_signal(number)

    assert process.returncode == 0
    assert told == ["following", "file", "caught-up", "ended"]


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is on Linux")
def test_a_service_is_written_named_and_removed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    unit = tmp_path / "user" / ".config" / "systemd" / "user" / "aethergrid-watch.service"
    written = run("watch", folder, "--install")

    assert written.exit_code == 0
    assert str(unit) in written.stdout
    assert "systemctl --user enable --now" in written.stdout.replace("\n", " ")
    assert str(folder) in unit.read_text()

    removed = run("watch", "--uninstall")
    assert removed.exit_code == 0
    assert not unit.exists()
    assert "systemctl --user disable --now" in removed.stdout.replace("\n", " ")
