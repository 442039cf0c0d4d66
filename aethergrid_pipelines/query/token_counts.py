"""By which tokenizer a pack is counted: that of the model that asks, where its vocabulary is here."""

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from threading import Lock

from aethergrid_pipelines.embedders.byte_pairs import open_vocabulary
from aethergrid_pipelines.embedders.local import WordPieceTokenizer
from aethergrid_pipelines.embedders.protocol import Tokenizer
from aethergrid_pipelines.query.pack_records import CountedBy

logger = logging.getLogger(__name__)

WAIT_SECONDS = 2.0
"""How long the first question for a model waits for its vocabulary, which may have to be downloaded."""
AGAIN_SECONDS = 600.0
"""When a vocabulary that could not be had is asked for again."""

Opening = Callable[[str], Tokenizer]


def _opened(encoding: str) -> Tokenizer:
    return open_vocabulary(encoding, timeout=WAIT_SECONDS)


class TokenCounts:
    """Thread-safe. Vocabularies are kept once they are loaded. ``opening`` gives the tokenizer of one of tiktoken's
    encodings by name; it may raise ``OSError`` or ``ValueError``."""

    def __init__(self, opening: Opening = _opened, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._opening = opening
        self._clock = clock
        self._lock = Lock()
        self._known: dict[str, Tokenizer] = {}
        self._failed: dict[str, tuple[float, str]] = {}

    def of(self, model: str | None) -> tuple[Tokenizer, CountedBy]:
        """The tokenizer for a model, else the local one, and what is to be said of it."""
        local = _local()
        if model is None:
            return local, CountedBy(name=local.name, exact=False, note="no model was named")
        encoding = _encoding_of(model)
        if encoding is None:
            note = f"no vocabulary of {model} is public in tiktoken; its own count may differ"
            return local, CountedBy(name=local.name, exact=False, note=note)
        found, reason = self._vocabulary(encoding)
        if found is not None:
            return found, CountedBy(name=found.name, exact=True)
        note = (
            f"{model} reads by {encoding}, whose vocabulary is not here ({reason}); its own count may differ. To count "
            "exactly, set TIKTOKEN_CACHE_DIR to a folder that holds it"
        )
        return local, CountedBy(name=local.name, exact=False, note=note)

    def _vocabulary(self, encoding: str) -> tuple[Tokenizer | None, str]:
        with self._lock:
            known = self._known.get(encoding)
            since, reason = self._failed.get(encoding, (-AGAIN_SECONDS, ""))
            if known is not None or self._clock() - since < AGAIN_SECONDS:
                return known, reason
            try:
                self._known[encoding] = self._opening(encoding)
            except (OSError, ValueError) as error:
                logger.warning("tiktoken has no vocabulary for %s here: %s", encoding, error)
                self._failed[encoding] = (self._clock(), type(error).__name__)
            return self._known.get(encoding), self._failed.get(encoding, (0.0, ""))[1]


@lru_cache(maxsize=1)
def _local() -> WordPieceTokenizer:
    return WordPieceTokenizer()


def _encoding_of(model: str) -> str | None:
    """The name of tiktoken's encoding of a model, also behind a gateway's prefix (``openai/gpt-5``)."""
    from tiktoken.model import encoding_name_for_model

    try:
        return encoding_name_for_model(model.rsplit("/", 1)[-1])
    except KeyError:
        return None
