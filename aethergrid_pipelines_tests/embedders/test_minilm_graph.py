"""The graph computes what the model's architecture says, and its file appears once and whole."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from onnxruntime import InferenceSession

from aethergrid_pipelines.embedders import minilm_graph
from aethergrid_pipelines.embedders.local import CLS, SEP, LocalEmbedder
from aethergrid_pipelines.embedders.minilm_graph import (
    Precision,
    graph_file,
    one_text_graph,
    parse_safetensors,
    published_weights,
    symmetric_int8,
)
from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable
from aethergrid_pipelines_tests.embedders.numpy_minilm import forward

SENTENCES = [
    "Why does the deployment fail only on Fridays?",
    "a",
    "SELECT count(*) FROM orders WHERE status = 'open' GROUP BY customer_id;",
    "Kannst du mir bitte erklären, wie ein B-Baum funktioniert? " * 8,
]


@pytest.mark.parametrize("text", SENTENCES, ids=lambda text: f"{len(text)} characters")
def test_fp32_agrees_with_an_independent_forward_pass(models: Path, text: str) -> None:
    embedder = LocalEmbedder(models, precision="fp32", threads=1)
    ids = [101, *embedder.tokenizer.ids([text])[0], 102]
    expected = forward(published_weights(), ids)
    assert np.abs(embedder.embed_query(text) - expected).max() < 1e-6


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_many_texts_in_one_call_get_what_each_gets_alone(models: Path, precision: Precision) -> None:
    embedder = LocalEmbedder(models, precision=precision, threads=1)
    alone = InferenceSession(one_text_graph(published_weights(), precision).SerializeToString())
    texts = [SENTENCES[at % len(SENTENCES)][: at + 1] for at in range(40)]
    ids = [np.array([CLS, *one, SEP], np.int64) for one in embedder.tokenizer.ids(texts)]
    expected = [alone.run(None, {"input_ids": one})[0] for one in ids]
    difference = np.abs(embedder.embed(texts).vectors - expected).max()
    # The int8 operators are the same ones; of fp32 a session may fuse others.
    assert difference < (1e-7 if precision == "int8" else 1e-6)


def test_int8_stays_close_to_fp32(models: Path) -> None:
    exact = LocalEmbedder(models, precision="fp32").embed(SENTENCES).vectors
    quantised = LocalEmbedder(models, precision="int8").embed(SENTENCES).vectors
    cosines = (exact * quantised).sum(axis=1)
    assert cosines.min() > 0.96
    assert not np.array_equal(exact, quantised)


def test_a_paraphrase_is_nearer_than_another_subject(models: Path) -> None:
    vectors = LocalEmbedder(models).embed(["How do I undo a commit?", "Reverting git history", "A lentil soup"]).vectors
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


def test_symmetric_int8_is_within_half_a_step_of_the_weights() -> None:
    weights = np.random.default_rng(7).normal(size=(48, 16)).astype(np.float32)
    weights[:, 3] = 0
    quantised, scale = symmetric_int8(weights, axis=0)
    assert scale.shape == (1, 16)
    assert np.all(np.abs(quantised * scale - weights) <= scale / 2 + 1e-7)


def test_processes_that_build_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        built = {future.result() for future in [pool.submit(graph_file, tmp_path, "int8") for _ in range(2)]}
    assert [path.name for path in tmp_path.iterdir()] == [path.name for path in built]
    assert abs(float(np.linalg.norm(LocalEmbedder(tmp_path).embed_query("whole"))) - 1) < 1e-6


def test_a_graph_that_is_there_is_not_built_again(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = graph_file(models, "int8")
    monkeypatch.setattr(minilm_graph, "published_weights", lambda: pytest.fail("built again"))
    assert graph_file(models, "int8") == path


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        graph_file(tmp_path, "int8")
    assert list(tmp_path.iterdir()) == []


def test_weights_other_than_the_published_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    monkeypatch.setattr(minilm_graph, "weights_folder", lambda: tmp_path)
    with pytest.raises(EmbedderUnavailable, match="not the published"):
        published_weights()


def test_missing_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(minilm_graph, "WEIGHTS_PACKAGE", "gt_no_such_package")
    with pytest.raises(EmbedderUnavailable, match="install 'gt_no_such_package'"):
        LocalEmbedder(tmp_path).embed(["x"])


def test_a_graph_file_that_is_broken_says_to_delete_it(tmp_path: Path, models: Path) -> None:
    (tmp_path / graph_file(models, "int8").name).write_bytes(b"half a graph")
    with pytest.raises(EmbedderUnavailable, match="delete it"):
        LocalEmbedder(tmp_path).embed_query("x")


def test_safetensors_are_read_by_name_and_shape() -> None:
    header = b'{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}'
    raw = len(header).to_bytes(8, "little") + header + np.array([1.5, -2], "<f4").tobytes()
    tensors = parse_safetensors(raw)
    assert {name: array.tolist() for name, array in tensors.items()} == {"a": [[1.5], [-2.0]]}
