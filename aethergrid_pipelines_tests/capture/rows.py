"""Rows of transcripts and files of records, for the tests of capture."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aethergrid_pipelines.capture.protocol import Captured, Outcome

SESSION = "5d0c8f0a-1111-4222-8333-944455556666"


def user(uuid: str, content: object, **envelope: Any) -> dict[str, Any]:
    """A ``user`` row of a Claude Code transcript."""
    return _row("user", uuid, {"role": "user", "content": content}, envelope)


def assistant(uuid: str, message_id: str | None, *blocks: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """An ``assistant`` row; ``usage`` and ``model`` go into the message."""
    message: dict[str, Any] = {"role": "assistant", "model": envelope.pop("model", "claude-sonnet-4-5")}
    if message_id is not None:
        message["id"] = message_id
    if "usage" in envelope:
        message["usage"] = envelope.pop("usage")
    return _row("assistant", uuid, {**message, "content": list(blocks)}, envelope)


def text(said: str) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": said}


def _row(kind: str, uuid: str, message: dict[str, Any], envelope: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": uuid,
        "parentUuid": None,
        "sessionId": SESSION,
        "timestamp": "2026-10-05T09:00:00.000Z",
        "cwd": "/home/dev/parcels",
        "gitBranch": "main",
        "version": "2.1.4",
        "isSidechain": False,
        "message": message,
        **envelope,
    }


def write_lines(path: Path, rows: Iterable[object]) -> Path:
    """A JSONL file; a row that is bytes is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return path


def captured(outcomes: Iterable[Outcome]) -> list[Captured]:
    """Those of the outcomes that hold a message, in the order of their lines."""
    found = [outcome for outcome in outcomes if isinstance(outcome, Captured)]
    return sorted(found, key=lambda outcome: (outcome.message.position, outcome.message.native_id))
