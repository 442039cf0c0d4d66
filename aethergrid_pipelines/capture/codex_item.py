"""What a line of a Codex rollout may say, and the parts that a message of it is made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aethergrid_pipelines.capture.fields import UnfitField, json_type, name_in


class Kind(StrEnum):
    """What a line holds."""

    USER = "user"
    AGENT = "agent"
    ASSISTANT = "assistant"
    THOUGHT = "thought"
    CALL = "call"
    RESULT = "result"
    SUMMARY = "summary"
    USAGE = "usage"
    TITLE = "title"
    ROLLBACK = "rollback"


class Form(StrEnum):
    """How it is written down: the same message may be there in each of these forms."""

    ITEM = "item"
    EVENT = "event"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Item:
    """``texts`` are joined to the content, ``metadata`` is what goes beside it, ``turns`` how many were rolled back."""

    kind: Kind
    form: Form = Form.ITEM
    texts: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    call_id: str | None = None
    turns: int = 0


_PICTURE_TAG = re.compile(r"\s*</?image\b[^>]*>\s*")
_TEXT_PARTS = frozenset({"input_text", "output_text", "text", "Text"})
_MEDIA_PARTS = frozenset({"input_image", "image", "local_image", "input_audio", "audio", "local_audio", "input_file"})


def content_of(content: object) -> tuple[list[str], dict[str, Any]]:
    """The texts of a content and, as metadata, what else is in it. Raises :class:`UnfitField`."""
    if isinstance(content, str):
        return [content], {}
    if not isinstance(content, list):
        raise UnfitField("payload.content", f"expected text or an array of parts, not {json_type(content)}")
    texts: list[str] = []
    found: dict[str, list[Any]] = {}
    for number, part in enumerate(content):
        if not isinstance(part, dict):
            raise UnfitField(f"payload.content[{number}]", f"expected an object, not {json_type(part)}")
        kind, text = name_in(part, "type"), part.get("text")
        if kind in _TEXT_PARTS and isinstance(text, str):
            if not _PICTURE_TAG.fullmatch(text):
                texts.append(text)
        elif kind in _MEDIA_PARTS:
            found.setdefault("attachments", []).append(_attachment(part))
        else:
            found.setdefault("other_blocks", []).append(part)
    return texts, dict(found)


def _attachment(part: Mapping[str, Any]) -> dict[str, Any]:
    url = part.get("image_url", part.get("audio_url", part.get("path")))
    named = isinstance(url, str) and not url.startswith("data:")
    return {"type": name_in(part, "type"), **({"url": url} if named else {})}
