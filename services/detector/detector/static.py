"""Fix the input size of an ONNX model, so that every shape in it is known ahead of time."""

from pathlib import Path

import onnx
from onnx import shape_inference

from detector.geometry import InputSize

OPSET = 13
"""TVM's reader wants at least this; for the operators of YuNet nothing changes from 11 to 13."""


def fix_input(source: Path, target: Path, size: InputSize) -> None:
    """Write `source` with an input of (1, 3, height, width) to `target`, whole or not at all."""
    model = onnx.load(source)
    dimensions = model.graph.input[0].type.tensor_type.shape.dim
    for dimension, value in zip(dimensions, (1, 3, size.height, size.width), strict=True):
        dimension.dim_value = value
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    for opset in model.opset_import:
        opset.version = max(opset.version, OPSET)
    # Reshapes with a -1 are solved only where the data of constants is followed too.
    model = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model)
    half_done = target.with_suffix(f".{size}.tmp")
    onnx.save(model, half_done)
    half_done.replace(target)
