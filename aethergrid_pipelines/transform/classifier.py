"""Labels for vectors, learned from a handful of texts for each label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts → vectors of length 1, shape (texts, dimension)."""

RIDGE = 2.0
"""The regression's penalty; vectors have length 1."""

NEAREST = 1.0
"""The weight of the similarity to a label's nearest text, beside the regression's score (about 0…1)."""


@dataclass(frozen=True)
class Classifier:
    """Ridge regression (Hoerl and Kennard 1970) on the vectors of texts, plus the similarity to the nearest of them.

    The regression generalises, the nearest text catches what it has averaged away; together they beat either.
    """

    labels: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    texts: NDArray[np.float32]
    starts: NDArray[np.intp]

    @classmethod
    def fit(cls, texts: Mapping[str, Sequence[str]], embed: Embed) -> "Classifier":
        """From the texts of each label, of which every label has at least one."""
        sizes = [len(group) for group in texts.values()]
        vectors = embed([text for group in texts.values() for text in group])
        x = vectors.astype(np.float64)
        y = np.repeat(np.eye(len(sizes)), sizes, axis=0)
        x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
        centred = x - x_mean
        weights = np.linalg.solve(centred.T @ centred + RIDGE * np.eye(x.shape[1]), centred.T @ (y - y_mean))
        bias = y_mean - x_mean @ weights
        starts = np.cumsum([0, *sizes[:-1]])
        return cls(tuple(texts), weights.astype(np.float32), bias.astype(np.float32), vectors, starts)

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shape (vectors, labels)."""
        nearest = np.maximum.reduceat(vectors @ self.texts.T, self.starts, axis=1)
        scores = vectors @ self.weights + self.bias + NEAREST * nearest
        return scores.astype(np.float32)
