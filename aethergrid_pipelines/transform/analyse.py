"""Text → terms for lexical search. What is indexed and what is asked go through the same steps:

find words and identifiers → fold case and diacritics → split identifiers (keeping them whole, too) → base form of
irregular words → Snowball's English stemmer. Scripts without spaces give pairs of characters. Words of other languages
pass unharmed: whatever becomes of them is the same on both sides.
"""

import datetime as dt
import re
import threading
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain, pairwise

import regex
import Stemmer

from aethergrid_pipelines.remembered import Remembered, throughout
from aethergrid_pipelines.transform.irregular import BASE_FORMS
from aethergrid_pipelines.transform.stopwords import STOP_WORDS

ANALYSIS_VERSION = "analysis-1"

LONGEST_TERM = 64
"""Characters of a term; longer ones are cut, on both sides alike."""

_MOST_PARTS = 32
_WORDS = (
    r"\d{1,3}(?:,\d{3}){1,6}(?![\w,])"
    r"|(?:--?(?=[^\W\d])|[.@#$])?\w+(?:(?:[-._/:@’'+#\\=]|::|://)\w+)*(?:\+\+(?!\w)|#(?!\w))?"
)
_ASCII_TOKEN = re.compile(_WORDS)
# Here \w takes in combining marks, without which words of Indic scripts fall apart (UTS #18, annex C).
_UNICODE_TOKEN = regex.compile(_WORDS.replace("(?![\\w,])", "(?!\\w|,)"))

_PAIRED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U000323af"
)
_PAIRED_RUN = re.compile(f"([{_PAIRED}]+)")
_IGNORED_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u200c\u200d\ufe0e\ufe0f]+"
)
_LETTERS_WITHOUT_DECOMPOSITION = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th", "’": "'"}
)

_PLAIN = re.compile(r"[a-z]+")
_SEPARATORS = re.compile(r"[^\w]+|_+")
_UNICODE_SEPARATORS = regex.compile(r"[^\w]+|_+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CLITIC = re.compile(r"([^\W\d_]+?)(?:n't|'(?:s|ll|ve|re|d|m))")
_NEGATED = {"won't": "will", "can't": "can", "shan't": "shall"}
_VERSION = re.compile(r"v?((\d+\.\d+)(?:\.\d+)*)")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)

_of_this_thread = threading.local()


def index_terms(text: str) -> list[str]:
    """The terms of ``text``, in order, with repetitions. No term holds white space.

    >>> index_terms("Upgraded weaviate_client to v1.39.0")
    ['upgrad', 'weaviate_client', 'weaviat', 'client', 'to', 'v1.39.0', '1.39.0', '1.39']
    """
    return list(throughout(text, _known))


def query_terms(text: str) -> list[str]:
    """The terms of a question, each once, in order, without question words and stop words unless these are all.

    A stop word in capitals inside other text (``IT``, ``US``, ``WHO``) is taken for a name and stays.
    """
    tokens = _tokens(text)
    shouted = text.isupper()
    content = [token for token in tokens if not _is_stop_word(token) or (not shouted and _is_acronym(token))]
    terms: dict[str, None] = {}
    for token in content or tokens:
        terms.update(dict.fromkeys(_terms_of(token)))
    return list(terms)


def matching_words(text: str, terms: Collection[str]) -> list[str]:
    """The words of ``text``, in small letters, each once, that have one of these terms: what a reader sees marked.
    Of scripts without spaces these are the pairs of characters themselves.

    >>> matching_words("Pools leak; one leaked a connection.", query_terms("Which pool leaks?"))
    ['pools', 'leak', 'leaked']
    """
    wanted = frozenset(terms)
    words: dict[str, None] = {}
    for token in _tokens(text):
        found = [term for term in _terms(token[:LONGEST_TERM]) if term in wanted]
        paired = not token.isascii() and _PAIRED_RUN.search(token)
        words.update(dict.fromkeys(found if paired else [token.lower()] if found else []))
    return list(words)


def date_terms(moment: dt.datetime) -> list[str]:
    """The terms of a date, as a person would ask for it: year, month, day and the ISO form."""
    return [str(moment.year), _stem(_MONTHS[moment.month - 1]), str(moment.day), moment.date().isoformat()]


def _tokens(text: str) -> list[str]:
    found: list[str] = (_ASCII_TOKEN if text.isascii() else _UNICODE_TOKEN).findall(text)
    return found


def _is_stop_word(token: str) -> bool:
    return token.lower().replace("’", "'") in STOP_WORDS


def _is_acronym(token: str) -> bool:
    return len(token) > 1 and token.isalpha() and token.isupper()


def _terms_of_piece(piece: str) -> tuple[str, ...]:
    return tuple(chain.from_iterable(map(_terms_of, _tokens(piece))))


_known = Remembered(_terms_of_piece)


def _terms_of(token: str) -> Sequence[str]:
    return _terms(token) if len(token) <= LONGEST_TERM else _long_terms(token)


@lru_cache(maxsize=1 << 16)
def _terms(token: str) -> tuple[str, ...]:
    """The terms of one token of at most :data:`LONGEST_TERM` characters, each once."""
    if not token.isascii() and _PAIRED_RUN.search(token):
        return tuple(_pairs(token))
    folded = _fold(token)
    if _PLAIN.fullmatch(folded) and not _HUMPS.search(token):
        return (_stem(folded),)
    if clitic := _CLITIC.fullmatch(folded):
        return (_stem(_NEGATED.get(folded, clitic[1])),)
    return tuple(dict.fromkeys(_numeric(folded) or _identifier(token, folded)))


def _numeric(folded: str) -> list[str]:
    """The terms of a version, an ordinal or a number with separators between thousands; none of anything else."""
    if version := _VERSION.fullmatch(folded):
        return [folded, version[1], version[2]]
    if ordinal := _ORDINAL.fullmatch(folded):
        return [folded, ordinal[1]]
    number = folded.replace(",", "")
    return [number] if number.isdigit() else []


def _identifier(token: str, folded: str) -> list[str]:
    """An identifier whole, then its parts: between separators, then between the humps of camel case."""
    bare = folded.lstrip("-.@#$")
    whole = _stem(bare) if bare == folded and not _SEPARATORS.search(folded) else folded
    terms = [whole[:LONGEST_TERM], *([bare] if bare != folded and _SEPARATORS.search(bare) else [])]
    split = _SEPARATORS if token.isascii() else _UNICODE_SEPARATORS
    for part in split.split(token)[: _MOST_PARTS + 1]:
        humps = [hump for hump in _HUMPS.split(part) if len(hump) > 1] if part else []
        terms += [_stem(_fold(piece)) for piece in (part, *(humps if len(humps) > 1 else [])) if piece]
    if "/" in bare and "." in bare.rpartition("/")[2]:
        terms.append(bare.rpartition("/")[2][:LONGEST_TERM])
    return [term for term in terms if term]


def _long_terms(token: str) -> list[str]:
    """The terms of a token that is too long to remember."""
    if not token.isascii() and _PAIRED_RUN.search(token):
        return _pairs(token)
    return list(dict.fromkeys(_identifier(token[: 16 * LONGEST_TERM], _fold(token[: 16 * LONGEST_TERM]))))


def _pairs(token: str) -> list[str]:
    """Pairs of neighbouring characters in scripts that write no spaces, and the words in between."""
    terms: list[str] = []
    for run in _PAIRED_RUN.split(unicodedata.normalize("NFKC", token)):
        if not _PAIRED_RUN.match(run):
            terms += index_terms(run)
        elif len(run) == 1:
            terms.append(run)
        else:
            terms += map("".join, pairwise(run))
    return terms


def _fold(token: str) -> str:
    """Small letters without diacritics. Marks that are letters' halves, as vowel signs of Indic scripts are, stay."""
    if token.isascii():
        return token.lower()
    parts = _IGNORED_MARKS.sub("", unicodedata.normalize("NFKD", token.casefold()))
    folded = unicodedata.normalize("NFC", parts).translate(_LETTERS_WITHOUT_DECOMPOSITION)
    return "".join(folded.split())


def _stem(word: str) -> str:
    """The stem of a folded word. A stemmer is not safe to share between threads, so each has its own."""
    word = BASE_FORMS.get(word, word)
    if not _PLAIN.fullmatch(word):
        return word[:LONGEST_TERM]
    stemmer = getattr(_of_this_thread, "stemmer", None)
    if stemmer is None:
        stemmer = _of_this_thread.stemmer = Stemmer.Stemmer("english", 0)
    stem: str = stemmer.stemWord(word)
    return stem[:LONGEST_TERM]
