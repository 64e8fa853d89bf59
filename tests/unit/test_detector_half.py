"""A graph in half precision: all that leads to a convolution is, and nothing after the last."""

import numpy as np
import onnx
import pytest
from detector.compiling.graph import take_bytes
from detector.compiling.half import make_half
from onnx import ModelProto, TensorProto, helper, numpy_helper


def convolutions(weight: float) -> ModelProto:
    """Two convolutions with an enlargement between them, and a sigmoid after them."""
    arrays = {"w1": np.full((4, 3, 1, 1), weight), "w2": np.full((2, 4, 1, 1), 0.1)}
    weights = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["a"], kernel_shape=[1, 1]),
        helper.make_node("Resize", ["a", "", "scales"], ["b"], mode="nearest"),
        helper.make_node("Conv", ["b", "w2"], ["c"], kernel_shape=[1, 1]),
        helper.make_node("Sigmoid", ["c"], ["scores"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2, 16, 16])
    graph = helper.make_graph(nodes, "two", [image], [scores], [*weights, scales])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    take_bytes(model)
    return model


def test_types_follow_through_the_whole_graph() -> None:
    model = convolutions(0.5)
    make_half(model)
    # Refuses an operator whose inputs are of two types, and an output of another type than is said.
    known = onnx.shape_inference.infer_shapes(model, strict_mode=True, check_type=True)
    onnx.checker.check_model(known, full_check=True)
    types = {each.name: each.type.tensor_type.elem_type for each in known.graph.value_info}
    assert {types[name] for name in ("a", "b", "c")} == {TensorProto.FLOAT16}
    assert known.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_a_weight_that_half_precision_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="w1 is beyond ±65504"):
        make_half(convolutions(1e5))
