"""Vectors of generated texts without embedding each: what lets an index of 100,000 fragments be made in minutes."""

import re
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.embedders.local import LocalEmbedder
from aethergrid_pipelines.embedders.protocol import Embedded, Tokenizer
from benchmarks.words import ACTIONS, CLAUSES, OBJECTS, OPENINGS, SUBJECTS

NOISE = 0.35
"""Length of the random part beside a sum of length 1: texts of the same phrases are alike and not equal."""


class PhraseEmbedder:
    """Questions are embedded by the real local model, and so is each phrase that generated texts are made of; a text is
    the sum of its phrases and of noise made from its hash. So questions and texts lie where the model puts them,
    clustered as real ones are, which an index of vectors without meaning would not be.
    """

    def __init__(self, local: LocalEmbedder) -> None:
        self._local = local
        self.name = local.name
        self.window = local.window
        self.dimension = local.dimension
        self.tokenizer: Tokenizer = local.tokenizer
        self._phrases = re.compile("|".join(re.escape(phrase) for phrase in self._texts))

    @cached_property
    def _texts(self) -> list[str]:
        phrases = {*OPENINGS, *SUBJECTS, *ACTIONS, *OBJECTS, *(clause.split("{}")[0].strip() for clause in CLAUSES)}
        return sorted(phrases - {""}, key=lambda phrase: (-len(phrase), phrase))

    @cached_property
    def _vectors(self) -> dict[str, NDArray[np.float32]]:
        return dict(zip(self._texts, self._local.embed(self._texts).vectors, strict=True))

    def embed(self, texts: Sequence[str]) -> Embedded:
        return Embedded(np.stack([self._vector(text) for text in texts]))

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return self._local.embed_query(text)

    def close(self) -> None:
        self._local.close()

    def _vector(self, text: str) -> NDArray[np.float32]:
        seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
        noise = np.random.default_rng(seed).standard_normal(self.dimension, dtype=np.float32)
        found = [self._vectors[phrase] for phrase in self._phrases.findall(text)]
        total = np.sum(found, axis=0) if found else noise
        total = total / np.linalg.norm(total) + NOISE * noise / np.linalg.norm(noise)
        return np.asarray(total / np.linalg.norm(total), np.float32)
