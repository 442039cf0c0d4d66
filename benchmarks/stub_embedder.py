"""An embedder that costs next to nothing, for what is to be measured without the model."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.embedders.local import WordPieceTokenizer
from aethergrid_pipelines.embedders.protocol import Embedded

DIMENSION = 384


class StubEmbedder:
    """Vectors of length 1 made of the text's hash: equal for equal texts, and of no meaning.

    Tokenizer, window and dimension are those of the local model, so that everything else works as it does with that.
    """

    name = "stub-384"
    dimension = DIMENSION
    window = 254

    def __init__(self) -> None:
        self.tokenizer = WordPieceTokenizer()

    def embed(self, texts: Sequence[str]) -> Embedded:
        digests = b"".join(hashlib.shake_128(text.encode()).digest(DIMENSION) for text in texts)
        vectors = np.frombuffer(digests, np.int8).reshape(len(texts), DIMENSION).astype(np.float32)
        return Embedded(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return np.asarray(self.embed([text]).vectors[0], np.float32)

    def close(self) -> None:
        """There is nothing to release."""
