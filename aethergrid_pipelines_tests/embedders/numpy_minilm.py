"""all-MiniLM-L6-v2 in numpy, written from the description of BERT and independent of the ONNX graph."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[Any]]


def forward(weights: Weights, ids: list[int]) -> NDArray[np.float64]:
    """The sentence vector of token ``ids`` ([CLS] and [SEP] among them), shape (384,), of length 1."""
    tensors = {name: value.astype(np.float64) for name, value in weights.items()}
    words = tensors["embeddings.word_embeddings.weight"][ids]
    positions = tensors["embeddings.position_embeddings.weight"][: len(ids)]
    types = tensors["embeddings.token_type_embeddings.weight"][np.zeros(len(ids), int)]
    hidden = _norm(words + positions + types, tensors, "embeddings.LayerNorm")
    for layer in range(6):
        prefix = f"encoder.layer.{layer}"
        attended = _norm(
            hidden + _dense(_attention(hidden, tensors, prefix), tensors, f"{prefix}.attention.output.dense"),
            tensors,
            f"{prefix}.attention.output.LayerNorm",
        )
        inner = _gelu(_dense(attended, tensors, f"{prefix}.intermediate.dense"))
        outer = _dense(inner, tensors, f"{prefix}.output.dense")
        hidden = _norm(attended + outer, tensors, f"{prefix}.output.LayerNorm")
    mean: NDArray[np.float64] = hidden.mean(axis=0)
    return mean / np.linalg.norm(mean)


def _attention(hidden: NDArray[np.float64], tensors: Weights, prefix: str) -> NDArray[np.float64]:
    mixed = np.empty_like(hidden)
    query, key, value = (
        _dense(hidden, tensors, f"{prefix}.attention.self.{part}") for part in ("query", "key", "value")
    )
    for head in range(12):
        part = slice(32 * head, 32 * head + 32)
        scores = query[:, part] @ key[:, part].T / math.sqrt(32)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        mixed[:, part] = shares / shares.sum(axis=1, keepdims=True) @ value[:, part]
    return mixed


def _dense(value: NDArray[np.float64], tensors: Weights, name: str) -> NDArray[np.float64]:
    result: NDArray[np.float64] = value @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]
    return result


def _norm(value: NDArray[np.float64], tensors: Weights, name: str) -> NDArray[np.float64]:
    centred = value - value.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    result: NDArray[np.float64] = centred / spread * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]
    return result


def _gelu(value: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 0.5 * value * (1 + np.vectorize(math.erf)(value / math.sqrt(2)))
    return result
