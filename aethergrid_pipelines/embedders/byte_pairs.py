"""Tokenizers for models that are known by name only: tiktoken's, and an estimate where its vocabulary is out of reach.

tiktoken downloads a vocabulary once (1.7 MB for ``cl100k_base``) and keeps it in ``TIKTOKEN_CACHE_DIR``.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from aethergrid_pipelines.embedders.encodable import encodable
from aethergrid_pipelines.embedders.protocol import Tokenizer

if TYPE_CHECKING:
    from tiktoken import Encoding

logger = logging.getLogger(__name__)

ENCODING = "cl100k_base"
"""What all of OpenAI's embedding models use (tiktoken's model table)."""

_PIECE = re.compile(r"[A-Za-z0-9]{1,2}|\s+|[^\sA-Za-z0-9]")
_TOKENS = {2: 1, 3: 2, 4: 4}


class BytePairTokenizer:
    """A tiktoken encoding. A token may start with the space before it; a character that takes several tokens is in
    the offsets as often."""

    def __init__(self, encoding: "Encoding") -> None:
        self.name = encoding.name
        self._encoding = encoding

    def offsets(self, text: str) -> list[tuple[int, int]]:
        text = encodable(text)
        _, starts = self._encoding.decode_with_offsets(self._encoding.encode_ordinary(text))
        return _spans(starts, len(text))

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(tokens) for tokens in self._encoding.encode_ordinary_batch([encodable(text) for text in texts])]


class EstimatingTokenizer:
    """Counts at least as many tokens as byte-pair encodings do in prose and code, in English about twice as many.

    Two letters or digits of ASCII are a token, any other ASCII character is one, a run of white space is one, and any
    other character counts by its bytes: 1 of two bytes, 2 of three, 4 of four.
    """

    name = "estimate-2"

    def offsets(self, text: str) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        for piece in _PIECE.finditer(encodable(text)):
            spans.extend([piece.span()] * self._weight(piece[0]))
        return spans

    def count(self, texts: Sequence[str]) -> list[int]:
        return [sum(self._weight(piece) for piece in _PIECE.findall(encodable(text))) for text in texts]

    def _weight(self, piece: str) -> int:
        return 1 if piece.isascii() or piece.isspace() else _TOKENS[len(piece.encode())]


def open_tokenizer(encoding: str = ENCODING, *, timeout: float = 15.0) -> Tokenizer:
    """tiktoken's ``encoding``, or the estimate, with a warning, where its vocabulary cannot be had in ``timeout`` s."""
    try:
        return open_vocabulary(encoding, timeout=timeout)
    except (OSError, ValueError) as error:
        logger.warning(
            "tiktoken has no vocabulary for %s here (%s); token counts are estimated, on the high side, so chunks are "
            "shorter. To count exactly, copy the vocabulary from a machine with a network and set TIKTOKEN_CACHE_DIR",
            encoding,
            type(error).__name__,
        )
        return EstimatingTokenizer()


def open_vocabulary(encoding: str, *, timeout: float) -> BytePairTokenizer:
    """tiktoken's ``encoding``, downloaded where it is not kept here yet. Raises ``OSError`` (``TimeoutError`` after
    ``timeout`` seconds), and ``ValueError`` for a file that was changed or a name that tiktoken does not know."""
    return BytePairTokenizer(_load(encoding, timeout))


def _load(encoding: str, timeout: float) -> "Encoding":
    import tiktoken

    outcome: SimpleQueue[Encoding | OSError | ValueError] = SimpleQueue()

    def load() -> None:
        try:
            outcome.put(tiktoken.get_encoding(encoding))
        except (OSError, ValueError) as error:
            outcome.put(error)

    # tiktoken sets no timeout, and a network that swallows packets would hold it for minutes.
    Thread(target=load, daemon=True, name="tiktoken").start()
    try:
        loaded = outcome.get(timeout=timeout)
    except Empty:
        raise TimeoutError(f"no answer in {timeout:g} s") from None
    if isinstance(loaded, Exception):
        raise loaded
    return loaded


def _spans(starts: Iterable[int], end: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for start in reversed(list(starts)):
        if spans and spans[-1][0] == start:
            spans.append(spans[-1])
        else:
            spans.append((start, spans[-1][0] if spans else end))
    return spans[::-1]
