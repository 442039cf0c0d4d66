"""The peer that takes padded batches gets the same model."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from aethergrid_pipelines.embedders.local import CLS, SEP, LocalEmbedder
from aethergrid_pipelines.embedders.minilm_graph import Precision
from benchmarks.batched_graph import write_batched

TEXTS = ["a", "Why does the deployment fail only on Fridays?", "def add(a, b):\n    return a + b\n" * 9]


@pytest.mark.parametrize(("precision", "together"), [("fp32", True), ("fp32", False), ("int8", False)])
def test_the_batched_graph_gives_the_embedders_vectors(
    models: Path, tmp_path: Path, precision: Precision, together: bool
) -> None:
    embedder = LocalEmbedder(models, precision=precision, threads=1)
    write_batched(precision, tmp_path / "batched.onnx")
    session = InferenceSession(tmp_path / "batched.onnx", providers=["CPUExecutionProvider"])
    rows = [np.array([CLS, *ids, SEP], np.int64) for ids in embedder.tokenizer.ids(TEXTS)]

    groups = [rows] if together else [[row] for row in rows]
    found = np.concatenate([session.run(None, padded(group))[0] for group in groups])

    assert np.abs(found - embedder.embed(TEXTS).vectors).max() < 1e-5


def padded(rows: list[NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)], mask[at, : len(row)] = row, 1
    return {"input_ids": ids, "attention_mask": mask}
