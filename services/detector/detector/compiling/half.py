"""Turn an ONNX graph's convolutions to half precision: weights ahead of time, features as they come."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from detector.compiling.graph import PICTURE

LARGEST = float(np.finfo(np.float16).max)


def make_half(model: ModelProto) -> None:
    """Make all that leads to a convolution float16; what follows the last ones is float32 again, as are the outputs.

    Args:
        model: one that takes bytes (`take_bytes`); it is changed.

    Raises:
        ValueError: a weight is beyond what float16 can hold.
    """
    graph = model.graph
    leading = _leading_to_convolutions(list(graph.node))
    made = {name for node in leading for name in node.output}
    for node in leading:
        if node.op_type == "Cast" and list(node.input) == [PICTURE]:
            node.attribute[0].i = TensorProto.FLOAT16
    _halve_weights(model, leading)
    following = [node for node in graph.node if node not in leading]
    back = sorted({name for node in following for name in node.input if name in made})
    for node in following:
        for at, name in enumerate(node.input):
            node.input[at] = _float32(name) if name in made else name
    casts = [helper.make_node("Cast", [name], [_float32(name)], to=TensorProto.FLOAT) for name in back]
    del graph.node[:]
    graph.node.extend([*leading, *casts, *following])
    del graph.value_info[:]


def _leading_to_convolutions(nodes: list[NodeProto]) -> list[NodeProto]:
    """Return convolutions and all that one depends on, in the order of `nodes`."""
    wanted: set[str] = set()

    def leads(node: NodeProto) -> bool:
        found = node.op_type == "Conv" or not wanted.isdisjoint(node.output)
        wanted.update(node.input if found else ())
        return found

    return [node for node in reversed(nodes) if leads(node)][::-1]


def _halve_weights(model: ModelProto, nodes: list[NodeProto]) -> None:
    read = set(_weights(nodes))
    for weight in model.graph.initializer:
        if weight.name in read and weight.data_type == TensorProto.FLOAT:
            weight.CopyFrom(numpy_helper.from_array(_half(numpy_helper.to_array(weight), weight.name), weight.name))


def _weights(nodes: list[NodeProto]) -> Iterator[str]:
    for node in nodes:
        # Resize reads scales, which ONNX wants to be float32.
        yield from () if node.op_type == "Resize" else node.input


def _half(values: NDArray[np.float32], name: str) -> NDArray[np.float16]:
    if values.size and float(np.abs(values).max()) > LARGEST:
        raise ValueError(f"the weight {name} is beyond ±{LARGEST:g}, which half precision cannot hold")
    return values.astype(np.float16)


def _float32(name: str) -> str:
    return f"{name}_float32"
