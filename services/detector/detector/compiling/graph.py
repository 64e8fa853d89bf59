"""Shape an ONNX graph for fast code: bytes of a picture go in, and heads that look at the same features become one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

PICTURE = "picture_bytes"


def take_bytes(model: ModelProto) -> None:
    """Change the input from (1, 3, H, W) float32 to (1, H, W, 3) uint8, which is how a picture lies in memory."""
    graph = model.graph
    old = graph.input[0]
    _, channels, height, width = (each.dim_value for each in old.type.tensor_type.shape.dim)
    graph.node.insert(0, helper.make_node("Transpose", [f"{PICTURE}_float"], [old.name], perm=[0, 3, 1, 2]))
    graph.node.insert(0, helper.make_node("Cast", [PICTURE], [f"{PICTURE}_float"], to=TensorProto.FLOAT))
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(PICTURE, TensorProto.UINT8, [1, height, width, channels]))
    del graph.value_info[:]


@dataclass(frozen=True, slots=True)
class _Head:
    """A 1x1 convolution and the 3x3 depthwise one after it."""

    product: NodeProto
    depthwise: NodeProto


def merge_heads(model: ModelProto) -> None:
    """Make one of all separable convolutions that read the same tensor, and split what it gives.

    A detector's heads have one, four or ten channels: alone, each leaves most of a vector register empty.
    """
    weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    for source, heads in _siblings(model, weights).items():
        _merge(model, weights, source, heads)


def _siblings(model: ModelProto, weights: dict[str, NDArray[np.float32]]) -> dict[str, list[_Head]]:
    readers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    def heads(source: str) -> Iterator[_Head]:
        for node in readers[source]:
            after = readers.get(node.output[0], [])
            if _is_product(node, weights) and len(after) == 1 and _is_depthwise(after[0], weights):
                yield _Head(node, after[0])

    found = {source: list(heads(source)) for source in readers}
    return {source: siblings for source, siblings in found.items() if len(siblings) > 1}


def _is_product(node: NodeProto, weights: dict[str, NDArray[np.float32]]) -> bool:
    return (
        node.op_type == "Conv"
        and len(node.input) == 3
        and _attribute(node, "group", 1) == 1
        and node.input[1] in weights
        and weights[node.input[1]].shape[2:] == (1, 1)
        and _attribute(node, "strides", [1, 1]) == [1, 1]
        and _attribute(node, "pads", [0, 0, 0, 0]) == [0, 0, 0, 0]
    )


def _is_depthwise(node: NodeProto, weights: dict[str, NDArray[np.float32]]) -> bool:
    return (
        node.op_type == "Conv"
        and len(node.input) == 3
        and node.input[1] in weights
        and weights[node.input[1]].shape[1:] == (1, 3, 3)
        and _attribute(node, "group", 1) == weights[node.input[1]].shape[0]
        and _attribute(node, "pads", None) == [1, 1, 1, 1]
        and _attribute(node, "strides", [1, 1]) == [1, 1]
    )


def _merge(model: ModelProto, weights: dict[str, NDArray[np.float32]], source: str, heads: list[_Head]) -> None:
    graph, name = model.graph, f"{source}_heads"
    channels = [int(weights[head.depthwise.input[1]].shape[0]) for head in heads]
    merged = {
        f"{name}_w1": np.concatenate([weights[head.product.input[1]] for head in heads]),
        f"{name}_b1": np.concatenate([weights[head.product.input[2]] for head in heads]),
        f"{name}_w2": np.concatenate([weights[head.depthwise.input[1]] for head in heads]),
        f"{name}_b2": np.concatenate([weights[head.depthwise.input[2]] for head in heads]),
        f"{name}_channels": np.array(channels, np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(array, key) for key, array in merged.items())
    product, depthwise = f"{name}_product", f"{name}_all"
    nodes = [
        helper.make_node("Conv", [source, f"{name}_w1", f"{name}_b1"], [product], kernel_shape=[1, 1]),
        helper.make_node(
            "Conv",
            [product, f"{name}_w2", f"{name}_b2"],
            [depthwise],
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            group=sum(channels),
        ),
        helper.make_node(
            "Split", [depthwise, f"{name}_channels"], [head.depthwise.output[0] for head in heads], axis=1
        ),
    ]
    at = list(graph.node).index(heads[0].product)
    for head in heads:
        graph.node.remove(head.product)
        graph.node.remove(head.depthwise)
    for node in reversed(nodes):
        graph.node.insert(at, node)


def _attribute(node: NodeProto, name: str, default: object) -> object:
    for attribute in node.attribute:
        if attribute.name == name:
            value = onnx.helper.get_attribute_value(attribute)
            return list(value) if isinstance(default, list) or not isinstance(value, int) else value
    return default
