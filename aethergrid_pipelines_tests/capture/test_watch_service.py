"""The service that ``aethergrid watch --install`` writes."""

import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aethergrid_pipelines.capture.watch_service import Unsupported, installed, service_here, uninstalled
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines_tests.scripts import load_script

PROGRAM = str(Path(sys.executable).with_name("aethergrid"))
AWKWARD = '/srv/50 % of "it" $HOME\\x'


def test_linux_gets_a_systemd_unit_of_the_user(tmp_path: Path) -> None:
    service = service_here([AWKWARD], platform="linux", environment={"AETHERGRID_HOME": "~/mine"}, home=tmp_path)
    lines = service.content.decode().splitlines()

    assert service.path == tmp_path / ".config" / "systemd" / "user" / "aethergrid-watch.service"
    assert f'ExecStart="{PROGRAM}" "watch" "/srv/50 %% of \\"it\\" $$HOME\\\\x"' in lines
    assert f'Environment="AETHERGRID_HOME={Path.home() / "mine"}"' in lines
    assert f"WorkingDirectory={tmp_path}" in lines
    assert "Restart=on-failure" in lines
    assert "enable --now aethergrid-watch.service" in service.start


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    folder = tmp_path / "50 % $of"
    folder.mkdir()
    service = installed(service_here([str(folder)], platform="linux", environment={}, home=tmp_path))
    checked = subprocess.run(
        ["systemd-analyze", "--user", "verify", "--man=no", str(service.path)],
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "aethergrid-watch.service:" not in checked.stderr, checked.stderr


def test_macos_gets_a_launchd_agent(tmp_path: Path) -> None:
    service = service_here([AWKWARD], platform="darwin", environment={"AETHERGRID_SPACE": "team"}, home=tmp_path)
    about = plistlib.loads(service.content)

    assert service.path == tmp_path / "Library" / "LaunchAgents" / "org.aethergrid.watch.plist"
    assert about["ProgramArguments"] == [PROGRAM, "watch", AWKWARD]
    assert about["EnvironmentVariables"] == {"AETHERGRID_SPACE": "team"}
    assert about["WorkingDirectory"] == str(tmp_path)
    assert "launchctl bootstrap" in service.start


def test_another_platform_is_told_what_its_scheduler_has_to_run() -> None:
    with pytest.raises(Unsupported, match=r"win32.*aethergrid watch"):
        service_here([], platform="win32", environment={})


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_addresses_with_passwords_are_never_written_but_asked_for(tmp_path: Path, platform: str) -> None:
    variables = {"MONGODB_URL": "mongodb://me:hunter2@host/", "POSTGRES_URL": "postgresql://me:hunter2@host/db"}
    (tmp_path / ".env").write_text("POSTGRES_URL=postgresql://me:hunter2@host/db\n")
    service = service_here([], platform=platform, environment=variables, home=tmp_path)

    assert b"hunter2" not in service.content
    assert service.folder == tmp_path
    assert service.unset == ("MONGODB_URL",)


def test_variables_that_are_written_are_read_by_somebody(tmp_path: Path) -> None:
    table = load_script("scripts/settings_table.py")
    settings = {table.variable(name, field) for name, field in Settings.model_fields.items()}
    everything = dict.fromkeys([*settings, "CLAUDE_CONFIG_DIR", "CODEX_HOME"], "x")
    service = service_here([], platform="darwin", environment=everything, home=tmp_path)
    told = {*plistlib.loads(service.content)["EnvironmentVariables"], *service.unset}

    assert {"AETHERGRID_HOME", "AETHERGRID_SPACE", "WATCH_FOLDERS", "MONGODB_URL", "POSTGRES_URL"} <= told
    assert told <= set(everything)


def test_installing_twice_leaves_one_file_and_uninstalling_none(tmp_path: Path) -> None:
    service = service_here([], platform="linux", environment={}, home=tmp_path)
    assert installed(service).path.exists()
    assert installed(service).path.read_bytes() == service.content

    assert uninstalled(service)
    assert not service.path.exists()
    assert not uninstalled(service)
