"""The server into a client's configuration, and out of it again.

The file as it was before stays beside it until the server is taken out. If nothing else was changed meanwhile it then
comes back, byte for byte; otherwise only our entry goes.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aethergrid_pipelines.mcp_server import json_members, toml_members
from aethergrid_pipelines.mcp_server.clients import NAME, Client

BACKUP = ".before-aethergrid"


class Unfit(Exception):
    """The file cannot be changed, and was not; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Done:
    """``after`` is what the file holds now, or would; ``None``: it stays as it is, or is removed."""

    told: str
    after: bytes | None


def installed(client: Client, entry: Mapping[str, Any], *, dry_run: bool = False) -> Done:
    """Add the server to the client's configuration, or bring its entry up to date. Raises :class:`Unfit`."""
    value, path = client.entry(entry), _path(client)
    before = _read(path)
    after = _with(client, before or b"", value)
    if after == before:
        return Done(f"{path} has it already", None)
    if dry_run:
        return Done(f"this would be written to {path}", after)
    backup = _backup(path)
    # An entry that is only brought up to date leaves the earlier copy: that is what there was without us.
    if before is not None and _entry(client, before) is None:
        shutil.copy2(path, backup)
    _write(path, after, expected=before)
    kept = f"; what was there before is in {backup.name}" if backup.exists() else ""
    return Done(f"added to {path}{kept}. To use it: {client.restart}", after)


def uninstalled(client: Client, *, dry_run: bool = False) -> Done:
    """Take the server out of the client's configuration. Raises :class:`Unfit`."""
    path = _path(client)
    before = _read(path)
    value = None if before is None else _entry(client, before)
    if before is None or value is None:
        return Done(f"{path} does not have it", None)
    backup = _backup(path)
    original = _read(backup)
    # What was there before, where nothing but our entry was added to it; nothing where there was no file.
    earlier = original if original is not None and _entry(client, original) is None else b""
    after = earlier if before == _with(client, earlier, value) else _without(client, before)
    if dry_run:
        return Done(f"this would be left in {path}", after)
    if after == b"" and original is None:
        path.unlink()
    else:
        _write(path, after, expected=before)
    backup.unlink(missing_ok=True)
    return Done(f"taken out of {path}. To notice: {client.restart}", after)


def _with(client: Client, content: bytes, value: dict[str, Any]) -> bytes:
    text = _text(client, content)
    try:
        if client.form == "toml":
            found = toml_members.with_table(text, client.table, NAME, value)
        else:
            found = json_members.with_member(text, client.table, NAME, value)
    except (json_members.UnfitJson, toml_members.UnfitToml) as error:
        raise _unfit(client, error, value) from error
    return _bytes(content, found)


def _without(client: Client, content: bytes) -> bytes:
    text = _text(client, content)
    try:
        if client.form == "toml":
            found = toml_members.without_table(text, client.table, NAME)
        else:
            found = json_members.without_member(text, client.table, NAME)
    except (json_members.UnfitJson, toml_members.UnfitToml) as error:
        raise _unfit(client, error, None) from error
    return _bytes(content, found)


def _entry(client: Client, content: bytes) -> Any:
    text = _text(client, content)
    try:
        if client.form == "toml":
            return toml_members.table_of(text, client.table, NAME)
        return json_members.member_of(text, client.table, NAME)
    except (json_members.UnfitJson, toml_members.UnfitToml) as error:
        raise _unfit(client, error, None) from error


_BOM = b"\xef\xbb\xbf"


def _text(client: Client, content: bytes) -> str:
    try:
        return content.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        raise _unfit(client, error, None) from error


def _bytes(before: bytes, text: str) -> bytes:
    return (_BOM if before.startswith(_BOM) else b"") + text.encode()


def _unfit(client: Client, error: Exception, value: dict[str, Any] | None) -> Unfit:
    advice = "mend it and try again"
    if value is not None:
        advice += f", or add this to it yourself, as {client.table}.{NAME}: {json.dumps(value)}"
    return Unfit(f"{client.path} was left as it is: {error}. Please {advice}")


def _path(client: Client) -> Path:
    # Where a link leads, so that the link stays one.
    return client.path.resolve()


def _backup(path: Path) -> Path:
    return path.with_name(path.name + BACKUP)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unfit(f"{path}: {error.strerror or error}") from error


def _write(path: Path, content: bytes, *, expected: bytes | None) -> None:
    """Replace the file in one step, with its permissions; its client may be writing it too."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                shutil.copymode(path, draft)
            if _read(path) != expected:
                raise Unfit(f"{path} was changed by somebody else just now; try again")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise Unfit(f"{path} cannot be written: {error.strerror or error}") from error
