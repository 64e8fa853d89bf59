"""A small ordinary network with random weights: what users' own models are made of, in odd sizes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.shape_inference import infer_shapes

RANDOM = np.random.default_rng(11)


class Builder:
    """Nodes and weights of a network, as they come."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def constant(self, values: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        result = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [result], **attributes))
        return result

    def convolution(self, source: str, inputs: int, outputs: int, kernel: int, stride: int = 1, group: int = 1) -> str:
        fan = inputs // group * kernel**2
        weights = RANDOM.standard_normal((outputs, inputs // group, kernel, kernel)) / np.sqrt(fan)
        bias = RANDOM.standard_normal(outputs) / 10
        return self.add(
            "Conv",
            source,
            self.constant(weights.astype(np.float32)),
            self.constant(bias.astype(np.float32)),
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
            group=group,
        )

    def clip(self, source: str) -> str:
        return self.add("Clip", source, self.constant(np.float32(0)), self.constant(np.float32(6)))


def save_network(path: Path, height: int = 22, width: int = 26) -> None:
    """Write inverted bottlenecks with squeeze and excitation, each kind of activation, and a head of seven channels."""
    net = Builder()
    scaled = net.add("Mul", "picture", net.constant(np.float32(1 / 255)))
    stem = net.add("HardSwish", net.convolution(scaled, 3, 12, 3, stride=2))
    wide = net.clip(net.convolution(stem, 12, 40, 1))
    deep = net.add("HardSwish", net.convolution(wide, 40, 40, 5, group=40))
    squeezed = net.add("Relu", net.convolution(net.add("GlobalAveragePool", deep), 40, 8, 1))
    gate = net.add("HardSigmoid", net.convolution(squeezed, 8, 40, 1), alpha=1 / 6, beta=0.5)
    narrow = net.convolution(net.add("Mul", deep, gate), 40, 12, 1)
    joined = net.add("Add", stem, narrow)
    smaller = net.clip(net.convolution(net.convolution(joined, 12, 33, 1), 33, 33, 3, stride=2, group=33))
    grouped = net.add("Relu", net.convolution(smaller, 33, 33, 3, group=3))
    head = net.add("Transpose", net.convolution(grouped, 33, 7, 3), perm=[0, 2, 3, 1])
    flat = net.add("Reshape", head, net.constant(np.array([1, -1, 7], np.int64)))
    _save(path, net, height, width, flat, narrow)


def save_three_convolutions(path: Path) -> None:
    """Write a network of two convolutions that a rule serves and one, in groups, that none does."""
    net = Builder()
    first = net.add("Relu", net.convolution("picture", 3, 16, 3, stride=2))
    second = net.add("Relu", net.convolution(first, 16, 32, 1))
    _save(path, net, 16, 16, net.add("Relu", net.convolution(second, 32, 32, 1, group=4)))


def _save(path: Path, net: Builder, height: int, width: int, *outputs: str) -> None:
    graph = helper.make_graph(
        net.nodes,
        "tiny",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in outputs],
        net.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.save(infer_shapes(model, strict_mode=True, data_prop=True), path)
