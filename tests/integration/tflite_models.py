"""Make small TensorFlow Lite models, as google-coral's are made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

FLOAT32, UINT8, INT8 = schema.TensorType.FLOAT32, schema.TensorType.UINT8, schema.TensorType.INT8


@dataclass(frozen=True)
class Shaped:
    """One tensor: what it is called, its shape, type, quantisation, and what is in it from the start."""

    name: str
    shape: tuple[int, ...]
    type: int = FLOAT32
    scale: float = 0.0
    zero_point: int = 0
    content: np.ndarray | None = None


@dataclass(frozen=True)
class Step:
    """One operator: a custom one by name, or a builtin one by number; tensors by their place in the list."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    custom: str = ""
    builtin: int = schema.BuiltinOperator.CUSTOM
    options: bytes = b""


def write(path: Path, tensors: list[Shaped], steps: list[Step], inputs: list[int], outputs: list[int]) -> Path:
    """Write a model of one graph."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.description = 3, "made by a test"
    model.buffers = [schema.BufferT()]
    graph.tensors = [_tensor(tensor, model.buffers) for tensor in tensors]
    graph.inputs, graph.outputs = inputs, outputs
    graph.operators, model.operatorCodes = [], []
    for place, step in enumerate(steps):
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode, code.version = step.builtin, 1
        code.deprecatedBuiltinCode = min(step.builtin, 127)
        code.customCode = step.custom or None
        operator.opcodeIndex, operator.inputs, operator.outputs = place, list(step.inputs), list(step.outputs)
        operator.customOptions = list(step.options) or None
        model.operatorCodes.append(code)
        graph.operators.append(operator)
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(builder.Output())
    return path


def _tensor(shaped: Shaped, buffers: list[Any]) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = shaped.name, list(shaped.shape), shaped.type
    tensor.buffer = len(buffers)
    buffer = schema.BufferT()
    buffer.data = None if shaped.content is None else np.frombuffer(shaped.content.tobytes(), np.uint8)
    buffers.append(buffer)
    if shaped.scale:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [shaped.scale], [shaped.zero_point]
    return tensor


def red_square_finder(
    path: Path, *, side: int = 320, cells_across: int = 10, room: int = 20, post_processing: bool = True
) -> Path:
    """Write a model "compiled for the Edge TPU", with the post-processing that google-coral's have.

    Its TPU part finds red squares in the cells of a grid (fake_edgetpu.c); anchors are the cells, each a square.
    """
    count = cells_across**2
    middle = (np.arange(cells_across) + 0.5) / cells_across
    rows, columns = (grid.ravel() for grid in np.meshgrid(middle, middle, indexing="ij"))
    anchors = np.stack((rows, columns, *[np.full(count, 1 / cells_across)] * 2), axis=1)
    tensors = [
        Shaped("picture", (1, side, side, 3), UINT8, 1 / 128, 128),
        Shaped("boxes", (1, count, 4), UINT8, 0.05, 128),
        Shaped("classes", (1, count, 2), UINT8, 1 / 256, 0),
        Shaped("anchors", (count, 4), UINT8, 1 / 200, 0, np.round(anchors * 200).astype(np.uint8)),
        Shaped("TFLite_Detection_PostProcess", (1, room, 4)),
        Shaped("TFLite_Detection_PostProcess:1", (1, room)),
        Shaped("TFLite_Detection_PostProcess:2", (1, room)),
        Shaped("TFLite_Detection_PostProcess:3", (1,)),
    ]
    steps = [
        Step((0,), (1, 2), "edgetpu-custom-op"),
        Step((1, 2, 3), (4, 5, 6, 7), "TFLite_Detection_PostProcess", options=_post_processing(room)),
    ]
    if not post_processing:
        return write(path, tensors[:3], steps[:1], [0], [1, 2])
    return write(path, tensors, steps, [0], [4, 5, 6, 7])


def _post_processing(room: int) -> bytes:
    options = {
        "max_detections": room,
        "max_classes_per_detection": 1,
        "detections_per_class": room,
        "num_classes": 1,
        "use_regular_nms": False,
        "nms_score_threshold": 1e-8,
        "nms_iou_threshold": 0.6,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
    }
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in options.items():
            builder.Key(key)
            # The operator reads floats of four bytes.
            builder.Float(value, 4) if isinstance(value, float) else builder.Add(value)
    return bytes(builder.Finish())


def passing_on(path: Path, *, type: int, scale: float, zero_point: int, side: int = 4) -> Path:  # noqa: A002
    """Write a model that gives its input as its output, in one row."""
    quantisation = (type, scale, zero_point)
    tensors = [
        Shaped("picture", (1, side, side, 3), *quantisation),
        Shaped("shape", (2,), schema.TensorType.INT32, content=np.array([1, side * side * 3], np.int32)),
        Shaped("row", (1, side * side * 3), *quantisation),
    ]
    return write(path, tensors, [Step((0, 1), (2,), builtin=schema.BuiltinOperator.RESHAPE)], [0], [2])
