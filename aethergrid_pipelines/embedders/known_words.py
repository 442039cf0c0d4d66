"""Token ids word by word: most words of a text were seen before, and then nobody has to take them apart again.

BERT's tokenizer normalises single characters, splits at white space and around punctuation, and only then looks for
pieces of words. So the ids of a text are those of its parts between spaces, line ends and ASCII punctuation, one after
the other, whatever else is in them. Prose takes a quarter of the library's time when nothing is known yet, then less.
"""

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.remembered import Remembered

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PUNCTUATION = r"!-/:-@\[-`{-~"
_PARTS = re.compile(rf"[^ \n{_PUNCTUATION}]+|[{_PUNCTUATION}]")


class KnownWords:
    """Token ids of texts by one tokenizer. Threads may share it."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._tokenizer = tokenizer
        self._known = Remembered(self._ids)
        # A text that names one of these ([SEP]…) is looked at whole, as the library does.
        special = (re.escape(token.content) for token in tokenizer.get_added_tokens_decoder().values())
        self._special = re.compile("|".join(special))

    def ids(self, text: str) -> NDArray[np.int32]:
        """The token ids of ``text``, without special tokens around them."""
        parts = [text] if self._special.search(text) else _PARTS.findall(text)
        return np.frombuffer(b"".join(map(self._known.__getitem__, parts)), np.int32)

    def _ids(self, word: str) -> bytes:
        return np.array(self._tokenizer.encode(word, add_special_tokens=False).ids, np.int32).tobytes()
