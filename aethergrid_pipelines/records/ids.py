"""Deterministic ids.

Every id is a UUIDv5 (RFC 9562, section 5.5) of what makes the thing unique, so that the same thing captured twice,
by two routes or on two machines, is one thing.
"""

import hashlib
import uuid
from functools import lru_cache

NAMESPACE = uuid.UUID("6f1c2f6e-3c0b-5d0a-9d0e-4c7a8c1b7e55")

_SPACE = NAMESPACE.bytes

DEFAULT_SPACE = "default"


def _uuid5(*parts: str) -> str:
    # The unit separator cannot occur in a part that was read from a file name, a URL or a UUID, so that
    # ("a", "bc") and ("ab", "c") stay apart.
    # What uuid.uuid5 says, in a third of its time: it is asked for every message of an import.
    digits = hashlib.sha1(_SPACE + "\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


@lru_cache(maxsize=1_024)
def conversation_id(space: str, source: str, native_id: str) -> str:
    """The id of a conversation that ``source`` calls ``native_id``, in one space."""
    return _uuid5("conversation", space, source, native_id)


def message_id(conversation: str, native_id: str) -> str:
    """The id of a message that its source calls ``native_id``."""
    return _uuid5("message", conversation, native_id)


def chunk_id(message: str, text_sha256: str, occurrence: int) -> str:
    """The id of a chunk: its message, the hash of what is embedded, and which of several equal ones it is (from 0).

    An edit elsewhere in the message leaves the ids of untouched chunks as they are.
    """
    return _uuid5("chunk", message, text_sha256, str(occurrence))


def fragment_id(conversation: str, chunk: str, embedder: str) -> str:
    """The id of a fragment in the vector store."""
    return _uuid5("fragment", conversation, chunk, embedder)


def sha256_hex(text: str) -> str:
    """SHA-256 of the UTF-8 form of ``text``, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
