"""Count what a network has to compute."""

import math

from onnx import ModelProto, ValueInfoProto


def flop(model: ModelProto) -> int:
    """Return the multiplications and additions of all convolutions in a model whose shapes are known.

    The rest of a convolutional network, biases and activations included, is a few per cent and left out, as is usual.
    """
    graph = model.graph
    shapes = {each.name: _shape(each) for each in (*graph.value_info, *graph.output)}
    weights = {each.name: tuple(each.dims) for each in graph.initializer}
    return sum(
        # A weight is (outputs, inputs a group, height, width): what is summed for one value is all but the first.
        2 * math.prod(shapes[node.output[0]]) * math.prod(weights[node.input[1]][1:])
        for node in graph.node
        if node.op_type == "Conv"
    )


def _shape(value: ValueInfoProto) -> tuple[int, ...]:
    return tuple(each.dim_value for each in value.type.tensor_type.shape.dim)
