"""What the words of a text say of its labels, beside what its vector says.

An embedder blurs what it has seen seldom, such as names of tools, and what is said in small words, such as «which of»
and «how come». Both are plain to see in the words.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.remembered import Remembered, throughout

_TERM = re.compile(r"[^\W_][\w+#.'-]*[\w+#]|[^\W_]")
_NUMBER = re.compile(r"\d+")
_TOKEN = re.compile(r"[^\W\d_]+(?:'[a-z]+)?|[?!:|`]|\d+")

PENALTY = 1.0

Word = str | tuple[str, ...]
"""A word, or two neighbours; the first word of a text also counts as the neighbour of an empty one."""


class Glossary:
    """Terms that give a label away. A term of several labels counts for each by its share."""

    def __init__(self, terms: Mapping[str, Sequence[str]]) -> None:
        self._size = len(terms)
        labels: dict[str, list[int]] = {}
        for index, words in enumerate(terms.values()):
            for word in words:
                labels.setdefault(word, []).append(index)
        self._labels = {f"{word}s": indexes for word, indexes in labels.items()} | labels
        self._known = Remembered(self._terms)

    def scores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (texts, labels), 0…1: ``1 − exp(−n/2)`` for n different terms of a label."""
        counts = np.zeros((len(texts), self._size), np.float32)
        for row, text in zip(counts, texts, strict=True):
            for word in dict.fromkeys(throughout(text.lower(), self._known)):
                labels = self._labels[word]
                for label in labels:
                    row[label] += 1 / len(labels)
        return 1 - np.exp(-counts / 2)

    def _terms(self, piece: str) -> tuple[str, ...]:
        return tuple(word for word in _TERM.findall(piece) if word in self._labels)


class Wording:
    """Ridge regression on the words and pairs of neighbouring words of texts with a label (tf-idf, length 1)."""

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        documents = [_words(text) for group in texts.values() for text in group]
        occurrences = Counter(word for words in documents for word in words)
        # What occurs in one text only says nothing of others.
        kept = sorted((word for word, count in occurrences.items() if count > 1), key=" ".join)
        self._index = {word: position for position, word in enumerate(kept)}
        self._rarity = np.log(len(documents) / np.array([occurrences[word] for word in kept]))
        x = self._vectors(documents)
        y = np.repeat(np.eye(len(texts)), [len(group) for group in texts.values()], axis=0)
        mean = x.mean(axis=0)
        centred = x - mean
        # The dual form: there are fewer texts than words.
        dual = np.linalg.solve(centred @ centred.T + PENALTY * np.eye(len(x)), y - y.mean(axis=0))
        self._weights = (centred.T @ dual).astype(np.float32)
        self._bias = (-mean @ self._weights).astype(np.float32)

    def scores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (texts, labels); about −0.2…0.8."""
        found = [[at for at in map(self._index.get, _words(text)) if at is not None] for text in texts]
        sizes = np.array([len(positions) for positions in found])
        positions = np.fromiter(chain.from_iterable(found), np.intp, sizes.sum())
        rarity = self._rarity[positions]
        rows = np.repeat(np.arange(len(texts)), sizes)
        lengths = np.sqrt(np.bincount(rows, rarity**2, len(texts)))
        # One sparse product over all texts: each word adds its row of the weights.
        weighted = self._weights[positions] * (rarity / lengths[rows])[:, None]
        scores = np.stack([np.bincount(rows, column, len(texts)) for column in weighted.T], axis=1)
        biased: NDArray[np.float32] = (scores + self._bias).astype(np.float32)
        return biased

    def _vectors(self, documents: Sequence[set[Word]]) -> NDArray[np.float64]:
        vectors = np.zeros((len(documents), len(self._index)))
        for row, words in zip(vectors, documents, strict=True):
            found = [self._index[word] for word in words if word in self._index]
            row[found] = self._rarity[found]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        normalised: NDArray[np.float64] = vectors / np.where(lengths > 0, lengths, 1)
        return normalised


def _tokens(piece: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(_NUMBER.sub("0", piece)))


_known_tokens = Remembered(_tokens)


def _words(text: str) -> set[Word]:
    """Words, pairs of neighbours, and which word comes first; every number is the same."""
    tokens = list(throughout(text.lower(), _known_tokens))
    words: set[Word] = {("", *tokens[:1])}
    words.update(tokens, pairwise(tokens))
    return words
