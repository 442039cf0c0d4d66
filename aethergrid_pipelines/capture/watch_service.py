"""``aethergrid watch`` as a service of the user who installs it: a systemd unit on Linux, a launchd agent on macOS.

Formats: systemd.service(5), systemd.exec(5) and systemd.syntax(7); launchd.plist(5).
"""

import os
import plistlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

UNIT = "aethergrid-watch.service"
LABEL = "org.aethergrid.watch"

_PLAIN = ("AETHERGRID_HOME", "AETHERGRID_SPACE", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "WATCH_FOLDERS")
# What capture opens; addresses hold passwords, which have no place in a unit.
_ADDRESSES = ("MONGODB_URL", "MONGODB_DATABASE", "POSTGRES_URL")


class Unsupported(Exception):
    """There is no kind of service for this platform."""


@dataclass(frozen=True, slots=True)
class Service:
    """A file to write, and the commands by which people start, stop and look at the service. ``folder`` is where it
    runs and finds its ``.env``; ``unset`` names the variables of this shell that it will not have."""

    path: Path
    content: bytes
    start: str
    stop: str
    look: str
    folder: Path
    unset: tuple[str, ...] = ()


def service_here(
    arguments: Sequence[str],
    *,
    platform: str = sys.platform,
    environment: Mapping[str, str] | None = None,
    home: Path | None = None,
) -> Service:
    """The service for this machine, with these arguments of ``aethergrid watch``. Raises :class:`Unsupported`."""
    variables = os.environ if environment is None else environment
    home = home or Path.home()
    command = [str(Path(sys.executable).with_name("aethergrid")), "watch", *arguments]
    folder = Path.cwd() if Path(".env").is_file() else home
    # Relative to this folder and this user, made absolute: the service starts elsewhere.
    plain = {name: variables[name] for name in _PLAIN if variables.get(name)}
    if "AETHERGRID_HOME" in plain:
        plain["AETHERGRID_HOME"] = str(Path(plain["AETHERGRID_HOME"]).expanduser().absolute())
    unset = tuple(name for name in _ADDRESSES if variables.get(name) and not _told(folder / ".env", name))
    if platform == "darwin":
        return _launchd(command, plain, folder, home, unset)
    if platform.startswith("linux"):
        config = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
        return Service(
            path=config / "systemd" / "user" / UNIT,
            content=unit(command, plain, folder).encode(),
            start=f"systemctl --user daemon-reload && systemctl --user enable --now {UNIT}",
            stop=f"systemctl --user disable --now {UNIT}",
            look=f"journalctl --user --unit {UNIT} --follow",
            folder=folder,
            unset=unset,
        )
    raise Unsupported(
        f"no service is known for {platform}: let its scheduler run `{shlex.join(command)}` when you log in"
    )


def installed(service: Service) -> Service:
    """Write the file, in place of an earlier one. Raises ``OSError``."""
    service.path.parent.mkdir(parents=True, exist_ok=True)
    service.path.write_bytes(service.content)
    return service


def uninstalled(service: Service) -> bool:
    """Remove the file; whether there was one. Raises ``OSError``."""
    there = service.path.exists()
    service.path.unlink(missing_ok=True)
    return there


def unit(command: Sequence[str], variables: Mapping[str, str], folder: Path) -> str:
    """A systemd unit."""
    lines = [
        "[Unit]",
        "Description=AetherGrid: capture conversations with AI models as they happen",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={' '.join(_quoted(word).replace('$', '$$') for word in command)}",
        f"WorkingDirectory={str(folder).replace('%', '%%')}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in variables.items()),
        "Restart=on-failure",
        "RestartSec=10",
        "Nice=10",
        "UMask=0077",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return "\n".join(lines)


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _launchd(
    command: Sequence[str], variables: Mapping[str, str], folder: Path, home: Path, unset: tuple[str, ...]
) -> Service:
    path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    log = home / "Library" / "Logs" / "aethergrid-watch.log"
    about = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "EnvironmentVariables": dict(variables),
        "WorkingDirectory": str(folder),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ProcessType": "Background",
        "Umask": 0o077,
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
    }
    return Service(
        path=path,
        content=plistlib.dumps(about),
        start=f"launchctl bootstrap gui/$(id -u) {shlex.quote(str(path))}",
        stop=f"launchctl bootout gui/$(id -u)/{LABEL}",
        look=f"tail -f {shlex.quote(str(log))}",
        folder=folder,
        unset=unset,
    )


def _told(file: Path, name: str) -> bool:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.strip().removeprefix("export ").split("=")[0].strip() == name for line in lines)
