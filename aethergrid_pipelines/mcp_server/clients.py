"""Which clients there are, where each keeps its list of servers, and what has to stand there.

Sources: Claude Code's and Claude Desktop's documentation (``~/.claude.json``; ``claude_desktop_config.json``),
cursor.com/docs (``~/.cursor/mcp.json``), openai/codex docs (``~/.codex/config.toml``), google-gemini/gemini-cli docs
(``~/.gemini/settings.json``).
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

NAME = "aethergrid"
"""What the server is called in every client."""

_PLAIN = ("AETHERGRID_HOME", "AETHERGRID_SPACE", "AETHERGRID_MODELS", "EMBEDDING_MODEL", "VECTOR_DIMENSIONS")
# Addresses hold passwords, which have no place in another program's configuration.
_SECRET = (
    "MONGODB_URL", "MONGODB_DATABASE", "POSTGRES_URL", "WEAVIATE_URL", "WEAVIATE_GRPC_PORT", "WEAVIATE_API_KEY",
    "VECTOR_COLLECTION", "REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL",
)  # fmt: skip


class UnknownClient(ValueError):
    """There is no client of this name; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client's file, its form, the table in it that lists servers, and what the client asks of an entry."""

    name: str
    path: Path
    form: Literal["json", "toml"]
    table: str
    restart: str
    extra: Mapping[str, Any]

    def entry(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """What stands under :data:`NAME`."""
        return {**self.extra, **entry}


def client_named(
    name: str,
    *,
    home: Path | None = None,
    environment: Mapping[str, str] | None = None,
    platform: str = sys.platform,
) -> Client:
    """The client on this machine, installed or not. Raises :class:`UnknownClient`."""
    if name not in _CLIENTS:
        raise UnknownClient(f"no client is called {name!r}; there are {', '.join(_CLIENTS)}")
    variables = os.environ if environment is None else environment
    return _CLIENTS[name](home or Path.home(), variables, platform)


def entry_here(environment: Mapping[str, str] | None = None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """How a client starts this installation with these settings, and the variables of this shell that it will lack."""
    variables = os.environ if environment is None else environment
    plain = {name: variables[name] for name in _PLAIN if variables.get(name)}
    for name in ("AETHERGRID_HOME", "AETHERGRID_MODELS"):
        if name in plain:
            plain[name] = str(Path(plain[name]).expanduser().absolute())
    arguments = ["mcp"]
    told = ""
    if Path(".env").is_file():
        arguments += ["--folder", str(Path.cwd())]
        told = Path(".env").read_text(encoding="utf-8", errors="replace")
    program = "aethergrid.exe" if os.name == "nt" else "aethergrid"
    entry: dict[str, Any] = {"command": str(Path(sys.executable).with_name(program)), "args": arguments}
    if plain:
        entry["env"] = plain
    return entry, tuple(name for name in _SECRET if variables.get(name) and f"{name}=" not in told)


def _claude_code(home: Path, variables: Mapping[str, str], _: str) -> Client:
    folder = Path(variables["CLAUDE_CONFIG_DIR"].split(",")[0]) if variables.get("CLAUDE_CONFIG_DIR") else home
    restart = "start a new session"
    return Client("claude-code", folder / ".claude.json", "json", "mcpServers", restart, {"type": "stdio"})


def _claude_desktop(home: Path, variables: Mapping[str, str], platform: str) -> Client:
    if platform == "darwin":
        folder = home / "Library" / "Application Support"
    elif platform == "win32":
        folder = Path(variables.get("APPDATA") or home / "AppData" / "Roaming")
    else:
        folder = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    path = folder / "Claude" / "claude_desktop_config.json"
    return Client("claude-desktop", path, "json", "mcpServers", "quit Claude Desktop and open it again", {})


def _cursor(home: Path, _: Mapping[str, str], __: str) -> Client:
    restart = "switch it on under Settings, MCP"
    return Client("cursor", home / ".cursor" / "mcp.json", "json", "mcpServers", restart, {})


def _codex(home: Path, variables: Mapping[str, str], _: str) -> Client:
    folder = Path(variables.get("CODEX_HOME") or home / ".codex")
    return Client("codex", folder / "config.toml", "toml", "mcp_servers", "start a new session", {})


def _gemini(home: Path, _: Mapping[str, str], __: str) -> Client:
    return Client("gemini", home / ".gemini" / "settings.json", "json", "mcpServers", "start a new session", {})


_CLIENTS: dict[str, Callable[[Path, Mapping[str, str], str], Client]] = {
    "claude-code": _claude_code,
    "claude-desktop": _claude_desktop,
    "cursor": _cursor,
    "codex": _codex,
    "gemini": _gemini,
}
