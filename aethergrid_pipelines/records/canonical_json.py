"""JSON of which digests are made: what Python's ``json`` writes with ``ensure_ascii``, ``sort_keys`` and no spaces.

It may never change, or everything that was ever stored would look edited. orjson writes most of it in a fraction of the
time, and the rest is left to Python: characters beyond ASCII, floats (``1e+16`` is ``1e16`` to orjson) and what orjson
refuses (integers beyond 64 bits, lone surrogates).
"""

import json
import re
from json.encoder import encode_basestring_ascii
from typing import Any

import orjson

_encode = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=str).encode
# Moments and dataclasses are for ``str``, as above.
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
SHORT = 400
"""Bytes; in longer ones the search for floats would take as long as Python's encoder does."""

_FLOAT = re.compile(rb"[:,\[]-?\d++[.e]")


def canonical_text(text: str) -> bytes:
    """A text as JSON, in ASCII."""
    if text.isascii() and "\x7f" not in text:
        return orjson.dumps(text)
    return encode_basestring_ascii(text).encode("ascii")


def canonical_object(value: dict[str, Any]) -> bytes:
    """A JSON object in ASCII, its keys in order; what JSON does not know as ``str`` gives it."""
    try:
        told = orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError:
        return _encode(value).encode("ascii")
    # A number that is none (NaN) is null to orjson; Python escapes DEL.
    alike = len(told) <= SHORT and told.isascii() and b"null" not in told and b"\x7f" not in told
    return told if alike and not _FLOAT.search(told) else _encode(value).encode("ascii")
