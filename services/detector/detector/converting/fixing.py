"""Make every shape of an ONNX network known ahead of time: fix its input, cut it, let onnxruntime simplify it."""

from collections.abc import Sequence
from pathlib import Path

import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, shape_inference, version_converter
from onnx.utils import Extractor

from detector.backends.onnxruntime import ONNXRUNTIME_ERRORS
from detector.converting.problems import ConversionError, one_line
from detector.geometry import InputSize

OPSET = 13
"""TVM's reader wants at least this."""
CHANNELS = 3
OWN = ("", "ai.onnx")
"""Names of ONNX's own operators' domain."""
# What `detector.compiling.graph` calls the picture.
TAKEN = ("picture", "picture_float")
INPUT = "network_input"


def read_model(file: Path, size: InputSize | None, outputs: Sequence[str]) -> tuple[ModelProto, InputSize]:
    """Return the network of an ONNX file, cut at the tensors that are named, with its input fixed; and that size.

    Raises:
        ConversionError: it is no network that takes one picture of this size, or has no such tensors.
    """
    try:
        model = onnx.load(file)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, OSError) as error:
        raise ConversionError(f"{file} is not a sound ONNX file: {one_line(error)}") from error
    fixed = _fix_input(model, size)
    if outputs:
        model = _cut(model, outputs)
    _require_standard(model)
    return model, fixed


def simplify(model: ModelProto, size: InputSize, folder: Path) -> ModelProto:
    """Return the network with constants computed, batch normalisation folded, and every shape known.

    Args:
        model: with its input fixed.
        size: that input, for what is said of it.
        folder: for files in between.

    Raises:
        ConversionError: onnxruntime does not take it, or a shape depends on the picture.
    """
    given, simple = folder / "given.onnx", folder / "simple.onnx"
    try:
        if _opset(model) < OPSET:
            model = version_converter.convert_version(model, OPSET)
        onnx.save(shape_inference.infer_shapes(model, strict_mode=True, data_prop=True), given)
        _simplify(given, simple)
        model = onnx.load(simple)
        _require_standard(model)
        del model.graph.value_info[:]
        model = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except shape_inference.InferenceError as error:
        raise ConversionError(
            f"the network does not take a picture of {size}: {one_line(error)}; try multiples of 32"
        ) from error
    except version_converter.ConvertError as error:
        raise ConversionError(f"the network cannot be brought to opset {OPSET}: {one_line(error)}") from error
    except ONNXRUNTIME_ERRORS as error:
        raise ConversionError(f"onnxruntime does not take the network at {size}: {one_line(error)}") from error
    _require_static(model)
    return model


def shape_of(value: onnx.ValueInfoProto) -> list[int]:
    """Return a tensor's sides, 0 where one is not known."""
    return [side.dim_value for side in value.type.tensor_type.shape.dim]


def _fix_input(model: ModelProto, size: InputSize | None) -> InputSize:
    graph = model.graph
    constants = {each.name for each in graph.initializer}
    pictures = [each for each in graph.input if each.name not in constants]
    if len(pictures) != 1:
        raise ConversionError(f"one picture goes in, but the network has inputs {', '.join(p.name for p in pictures)}")
    (picture,) = pictures
    sides = shape_of(picture)
    if picture.type.tensor_type.elem_type != TensorProto.FLOAT or len(sides) != 4 or sides[1] not in (0, CHANNELS):
        kind = TensorProto.DataType.Name(picture.type.tensor_type.elem_type)
        raise ConversionError(f"the input {picture.name} is {kind} {sides}; it must be FLOAT [1, 3, height, width]")
    if size is None:
        if not (sides[2] and sides[3]):
            raise ConversionError(f"the size of the input {picture.name} is not fixed: say --input WIDTHxHEIGHT")
        size = InputSize(sides[3], sides[2])
    for dimension, value in zip(picture.type.tensor_type.shape.dim, (1, 3, size.height, size.width), strict=True):
        dimension.dim_value = value
    # What older files list as inputs too could be overridden, so nothing that depends on it would be computed.
    del graph.input[:]
    graph.input.append(picture)
    del graph.value_info[:]
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    if picture.name in TAKEN:
        _rename(graph, picture.name, INPUT)
    return size


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    graph.input[0].name = new
    for node in graph.node:
        for at, name in enumerate(node.input):
            if name == old:
                node.input[at] = new


def _cut(model: ModelProto, outputs: Sequence[str]) -> ModelProto:
    there = [name for node in model.graph.node for name in node.output]
    missing = [name for name in outputs if name not in there]
    if missing:
        ends = ", ".join(output.name for output in model.graph.output)
        raise ConversionError(f"--outputs: the network has no tensor {', '.join(missing)}; it ends in {ends}")
    typed = shape_inference.infer_shapes(model, data_prop=True)
    try:
        return Extractor(typed).extract_model([typed.graph.input[0].name], list(outputs))
    except (ValueError, KeyError) as error:
        raise ConversionError(f"--outputs: the network cannot be cut there: {one_line(error)}") from error


def _opset(model: ModelProto) -> int:
    return max((each.version for each in model.opset_import if each.domain in OWN), default=0)


def _simplify(given: Path, simple: Path) -> None:
    options = onnxruntime.SessionOptions()
    # Only rewrites within ONNX's own operators; the next level has some of onnxruntime's.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(simple)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(given), options, providers=["CPUExecutionProvider"])


def _require_standard(model: ModelProto) -> None:
    """Refuse operators of others than ONNX, and forget who else's were announced."""
    foreign = sorted({f"{node.domain}.{node.op_type}" for node in model.graph.node if node.domain not in OWN})
    if foreign:
        raise ConversionError(f"unsupported operators, not ONNX's own: {', '.join(foreign)}; cut before with --outputs")
    kept = [each for each in model.opset_import if each.domain in OWN]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _require_static(model: ModelProto) -> None:
    known = {each.name: shape_of(each) for each in (*model.graph.value_info, *model.graph.output)}
    for node in model.graph.node:
        for name in filter(None, node.output):
            if name not in known or 0 in known[name]:
                before = ", ".join(each for each in node.input if each in known)
                raise ConversionError(
                    f"dynamic shape: that of {name} ({node.op_type}) depends on the picture; "
                    f"cut the network before it with --outputs, for example {before or '(its inputs)'}"
                )
