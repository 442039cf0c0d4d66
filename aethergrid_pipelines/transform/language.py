"""Which language a text is in: py3langid (BSD, offline, a 4.5 MB model of 97 languages), with care for short texts."""

import re
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from aethergrid_pipelines.transform.features import Text

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

CODE = "code"
DEFAULT = "en"

PURE_CODE = 0.8
"""From this share of code on, a text without fences is code: the lines that do not look like it are mostly code too."""

FEW_WORDS = 4
"""A text with fences is code if it has no more words than this outside of them."""

SURE = 0.9
"""A short text in ASCII is another language than English only if the model is this sure."""

SHORT = 40

ENOUGH = 160
"""So many characters are looked at: the model takes a tenth of a millisecond for 400, and is as sure after these."""

# Left out are languages that a short text is mistaken for far more often than it is in them.
LANGUAGES = re.findall(
    r"\w\w",
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nl no pl pt ro ru sk sl sr sv ta th tr "
    "uk ur vi zh",
)

# Words that hold English together and are no words, or rare ones, of the other languages.
_ENGLISH = frozenset(
    re.findall(
        r"\w+",
        "the and with this that what have you are from which been they how should would does there when because",
    )
)
PLAINLY = 0.1
"""The share of such words from which on the model is not asked: it takes a twentieth of the embedding's time."""

_LETTERS = re.compile(r"[^\W\d_]+")
_loading = Lock()


def language(parts: Text) -> str:
    """ISO 639-1, or ``code`` for a text that is hardly anything else; English where there is too little to tell."""
    if len(parts.words) <= FEW_WORDS if parts.fenced else parts.code_share >= PURE_CODE:
        return CODE
    if sum(map(_ENGLISH.__contains__, parts.words)) > max(2, PLAINLY * len(parts.words)):
        return "en"
    prose = " ".join(_LETTERS.findall(parts.prose, 0, 2 * ENOUGH))[:ENOUGH]
    if not prose:
        return CODE if parts.code_share > 0 else DEFAULT
    found, probability = _identifier().classify(prose)
    if len(prose) < SHORT and prose.isascii() and probability < SURE:
        return DEFAULT
    return str(found)


def _identifier() -> "LanguageIdentifier":
    # The first batches of a run want it at once.
    with _loading:
        return _loaded_identifier()


@lru_cache(maxsize=1)
def _loaded_identifier() -> "LanguageIdentifier":
    import numpy as np
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    # Half floats, by language, make each of a text's hundred features a look into every column: 43 µs a text, 30 so.
    identifier.nb_ptc = np.ascontiguousarray(identifier.nb_ptc, np.float32)
    return identifier
