"""The graph of the local embedder in the form that other libraries call: padded batches with a mask.

The embedder's own graph reads one text after the other (:mod:`aethergrid_pipelines.embedders.minilm_graph`). Here the
same nodes and weights get a batch dimension: ``input_ids`` and ``attention_mask``, int64 (texts, tokens) → ``vector``,
float32 (texts, 384). A text alone in its batch gets the same vector.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aethergrid_pipelines.embedders.minilm_graph import Precision, one_text_graph, published_weights

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

SHAPES = {(-1, 12, 32): (0, 0, 12, 32), (-1, 384): (0, 0, 384)}
"""In a shape for ``Reshape`` 0 stands for the dimension of the input."""
PERMUTATIONS = {(1, 0, 2): (0, 2, 1, 3), (1, 2, 0): (0, 2, 3, 1)}
MASKED = -10_000.0


def write_batched(precision: Precision, target: Path) -> None:
    """Write the batched form of the embedder's graph to a file."""
    import onnx

    onnx.save(batched(one_text_graph(published_weights(), precision)), target)


def batched(model: "ModelProto") -> "ModelProto":
    """The graph of one text with a batch dimension and a mask.

    Raises ``KeyError`` where it is not as the embedder builds it.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    graph = model.graph
    constants = {one.name: one for one in graph.initializer}
    nodes: list[NodeProto] = []

    def constant(name: str, array: Any) -> str:
        graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def add(operator: str, *inputs: str, output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    seen = add("Cast", "attention_mask", output="seen", to=TensorProto.FLOAT)
    hidden = add("Sub", constant("one", np.float32(1)), seen, output="hidden")
    penalty = add("Mul", hidden, constant("masked", np.float32(MASKED)), output="penalty")
    lowered = add("Unsqueeze", penalty, constant("heads_and_rows", np.array([1, 2])), output="lowered")
    kept = add("Unsqueeze", seen, constant("features", np.array([2])), output="kept")
    reshaped: set[str] = set()
    for node in graph.node:
        if node.op_type == "Shape":
            node.attribute.append(helper.make_attribute("start", 1))
        elif node.op_type == "Reshape":
            reshaped.add(node.input[1])
        elif node.op_type == "Transpose":
            _set(node, "perm", PERMUTATIONS[tuple(node.attribute[0].ints)])
        elif node.op_type == "Softmax":
            node.input[0] = add("Add", node.input[0], lowered, output=f"{node.name}_masked")
        elif node.op_type == "ReduceSum":
            node.input[0] = add("Mul", node.input[0], kept, output=f"{node.name}_kept")
            constants[node.input[1]].CopyFrom(numpy_helper.from_array(np.array([1]), node.input[1]))
        elif node.op_type == "ReduceL2":
            node.attribute.append(helper.make_attribute("axes", [-1]))
        nodes.append(node)
    for name in reshaped:
        shape = SHAPES[tuple(numpy_helper.to_array(constants[name]).tolist())]
        constants[name].CopyFrom(numpy_helper.from_array(np.array(shape), name))
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["texts", 384])]
    found = helper.make_model(
        helper.make_graph(nodes, graph.name, inputs, outputs, list(graph.initializer)),
        opset_imports=list(model.opset_import),
        ir_version=model.ir_version,
    )
    checker.check_model(found)
    return found


def _set(node: "NodeProto", name: str, values: tuple[int, ...]) -> None:
    from onnx import helper

    del node.attribute[:]
    node.attribute.append(helper.make_attribute(name, values))
