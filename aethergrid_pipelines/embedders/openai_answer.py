"""Vectors out of the body of an embeddings answer, with everything checked that a server can get wrong."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class MalformedAnswer(Exception):
    """An answer with status 200 that does not hold what was asked for; another attempt may be better."""


def vectors_of(body: bytes, *, count: int, dimension: int | None) -> NDArray[np.float32]:
    """The vectors of an answer to ``count`` texts, in the order of the texts, float32 (count, dimension), of length 1.

    Items may come in any order, by their ``index``, as lists of numbers or as base64 of little-endian float32.
    ``dimension`` ``None`` takes whatever all of them have. Raises :class:`MalformedAnswer`.
    """
    rows = [_vector(item) for item in _by_index(_items(body), count)]
    sizes = {row.size for row in rows}
    if len(sizes) != 1:
        raise MalformedAnswer(f"vectors of several dimensions in one answer: {sorted(sizes)}")
    if dimension is not None and sizes != {dimension}:
        raise MalformedAnswer(f"vectors have {sizes.pop()} dimensions instead of {dimension}")
    vectors = np.stack(rows)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise MalformedAnswer("a vector holds NaN or infinity, or is zero")
    normalised: NDArray[np.float32] = (vectors / lengths).astype(np.float32)
    return normalised


def _items(body: bytes) -> list[Any]:
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise MalformedAnswer("the answer is not JSON") from error
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise MalformedAnswer("the answer has no list `data`")
    return items


def _by_index(items: list[Any], count: int) -> list[Mapping[str, Any]]:
    if len(items) != count:
        raise MalformedAnswer(f"{len(items)} vectors for {count} texts")
    if not all(isinstance(item, dict) and isinstance(item.get("index"), int) for item in items):
        raise MalformedAnswer("a vector without an index")
    ordered = sorted(items, key=lambda item: item["index"])
    if [item["index"] for item in ordered] != list(range(count)):
        raise MalformedAnswer(f"the indexes are not 0 to {count - 1}, each once")
    return ordered


def _vector(item: Mapping[str, Any]) -> NDArray[np.float64]:
    value = item.get("embedding")
    try:
        if isinstance(value, str):
            return np.frombuffer(base64.b64decode(value, validate=True), "<f4").astype(np.float64)
        vector = np.asarray(value, np.float64)
    except (binascii.Error, ValueError, TypeError) as error:
        raise MalformedAnswer("a vector is neither base64 of float32 nor a list of numbers") from error
    if vector.ndim != 1:
        raise MalformedAnswer("a vector is not a list of numbers")
    return vector
