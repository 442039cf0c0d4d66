"""A spooled message as one line of bytes: its length and CRC, then JSON without a newline in it.

``LLLLLLLL CCCCCCCC {"at": …, "conversation": {…}, "message": {…}}\\n``: eight hexadecimal digits each for the number of
bytes of the JSON and for its CRC-32 (that of zlib).
"""

import datetime as dt
import json
import zlib
from typing import Any

from pydantic import ValidationError

from aethergrid_pipelines.capture.batch import TOO_LARGE
from aethergrid_pipelines.records.conversation import Conversation, Message
from aethergrid_pipelines.stores.conversations import MAX_MESSAGE_BYTES

PREFIX = 18
"""Bytes before the JSON."""


class DamagedLine(ValueError):
    """A line that is not what was written: torn by a crash, or changed on the disk."""


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


# orjson would refuse integers beyond 64 bits, which metadata may hold.
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


class MessageTooLarge(ValueError):
    """A message that no conversation store takes."""


def encode(conversation: Conversation, message: Message, at: float) -> bytes:
    """A message with its conversation, spooled ``at`` seconds since 1970. Raises :class:`MessageTooLarge`."""
    fields = {"at": at, "conversation": conversation.model_dump(), "message": message.model_dump()}
    said = _as_json(fields).encode("utf-8", "surrogatepass")
    if len(said) > MAX_MESSAGE_BYTES and _text_bytes(message) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(TOO_LARGE)
    return b"%08x %08x %b\n" % (len(said), zlib.crc32(said), said)


def _text_bytes(message: Message) -> int:
    # As the stores measure it: JSON in JSON takes more room than what is said in it.
    texts = (message.content, _as_json(message.metadata), message.native_id, message.origin.path, message.model or "")
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def decode(line: bytes) -> tuple[Conversation, Message]:
    """The inverse of :func:`encode`. Raises :class:`DamagedLine`."""
    fields = _checked(line)
    try:
        return Conversation.model_validate(fields["conversation"]), Message.model_validate(fields["message"])
    except (KeyError, ValidationError) as error:
        raise DamagedLine(f"not a spooled message: {type(error).__name__}") from None


_TO_FORGET = b'{"forget":true,'


def to_forget(line: bytes) -> bytes:
    """A line of the same length, for the same message, without anything that was said in it or about it: its
    conversation is to be forgotten. Raises :class:`DamagedLine`."""
    conversation, message = decode(line)
    about = conversation.model_dump(include={"id", "space", "source", "native_id"})
    names = {"id", "conversation_id", "native_id", "timestamp", "role"}
    said = {**message.model_dump(include=names), "content": "", "origin": {"path": ""}}
    fields = {"forget": True, "at": _checked(line)["at"], "conversation": about, "message": said}
    # What is left out is longer than what is added: names of fields that have a default.
    blank = _as_json(fields).encode("utf-8", "surrogatepass").ljust(len(line) - PREFIX - 1)
    return b"%08x %08x %b\n" % (len(blank), zlib.crc32(blank), blank)


def forgets(line: bytes) -> bool:
    """Whether a line is one that :func:`to_forget` made."""
    return line.startswith(_TO_FORGET, PREFIX)


def spooled_at(line: bytes) -> dt.datetime | None:
    """When a line was spooled; ``None`` for a damaged one."""
    try:
        return dt.datetime.fromtimestamp(_checked(line)["at"], dt.UTC)
    except DamagedLine:
        return None


def _checked(line: bytes) -> dict[str, Any]:
    said = line[PREFIX:-1]
    if not line.endswith(b"\n") or line[:PREFIX] != b"%08x %08x " % (len(said), zlib.crc32(said)):
        raise DamagedLine("length or CRC do not fit")
    fields: dict[str, Any] = json.loads(said.decode("utf-8", "surrogatepass"))
    return fields
