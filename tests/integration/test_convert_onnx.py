"""An ONNX network of one's own becomes a library, without PyTorch; what cannot be done is said in one line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from detector.backends import open_tvm
from detector.converting.checking import compare, require_agreement
from detector.converting.normalising import take_bgr
from detector.converting.pictures import Normalisation
from detector.converting.problems import DisagreementError
from detector.converting.running import Answers
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tests.integration.converting import convert, converted, refused

HEIGHT, WIDTH = 24, 32
IMAGENET = Normalisation(rgb=True, mean=(123.675, 116.28, 103.53), scale=(58.395, 57.12, 57.375))
OPTIONS = ("--rgb", "--mean", "123.675,116.28,103.53", "--scale", "58.395,57.12,57.375")


def network(
    nodes: Sequence[NodeProto], ends: Sequence[str], *, sides: tuple[int | str, ...], opset: int = 17, rank: int = 4
) -> ModelProto:
    """Return an ONNX network of nodes that read `picture` and the constants below."""
    random = np.random.default_rng(5)
    arrays: dict[str, NDArray[Any]] = {
        "w": random.normal(0, 0.2, (8, 3, 3, 3)).astype(np.float32),
        "b": random.normal(0, 1, 8).astype(np.float32),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
        "half": np.array(0.5, np.float32),
    }
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, list(sides))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"{name}_{k}" for k in range(rank)]) for name in ends],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def conv(source: str = "picture", *, padding: int = 1, name: str = "features") -> NodeProto:
    return helper.make_node("Conv", [source, "w", "b"], [name], pads=[padding] * 4, strides=[2, 2])


def outputs_of(model: ModelProto, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: values}))


FIRST_LAYERS = {
    "padded": [conv()],
    "unpadded": [conv(padding=0)],
    "without bias": [helper.make_node("Conv", ["picture", "w"], ["features"])],
    "twice": [
        conv(name="one"),
        conv(padding=0, name="two"),
        helper.make_node("Concat", ["one", "one"], ["features"], axis=1),
    ],
    "padding first": [helper.make_node("Pad", ["picture", "pads"], ["wide"]), conv("wide", padding=0)],
    "no convolution": [helper.make_node("Relu", ["picture"], ["features"])],
}


@pytest.mark.parametrize("layers", FIRST_LAYERS)
@pytest.mark.parametrize(
    "normalisation",
    [
        IMAGENET,
        Normalisation(rgb=True),
        Normalisation(scale=(255.0, 255.0, 255.0)),
        Normalisation(mean=(9.0, 99.0, 190.0)),
    ],
    ids=["all", "order", "scale", "mean"],
)
def test_normalisation_inside_changes_no_value_not_even_at_the_border(
    layers: str, normalisation: Normalisation
) -> None:
    model = network(FIRST_LAYERS[layers], ["features"], sides=(1, 3, HEIGHT, WIDTH))
    canvas = np.random.default_rng(1).integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8)
    (right,) = outputs_of(model, normalisation.of(canvas))
    take_bgr(model, normalisation)
    onnx.checker.check_model(model)
    (ours,) = outputs_of(model, canvas.transpose(0, 3, 1, 2).astype(np.float32))
    np.testing.assert_allclose(ours, right, atol=2e-6 * np.abs(right).max())


def test_only_what_padding_forbids_stays_outside_the_convolution() -> None:
    def operators(padding: int, normalisation: Normalisation) -> list[str]:
        model = network([conv(padding=padding)], ["features"], sides=(1, 3, HEIGHT, WIDTH))
        take_bgr(model, normalisation)
        return [node.op_type for node in model.graph.node]

    assert operators(0, IMAGENET) == ["Conv"]
    assert operators(1, IMAGENET) == ["Sub", "Conv"]
    assert operators(1, Normalisation(rgb=True, scale=(255.0, 255.0, 255.0))) == ["Conv"]


def detector_with_post_processing() -> ModelProto:
    """Return a network of an old opset and of no fixed size, whose last output has another shape for each picture."""
    nodes = [
        conv(),
        helper.make_node("Relu", ["features"], ["found"]),
        helper.make_node("GlobalAveragePool", ["found"], ["score"]),
        helper.make_node("Greater", ["found", "half"], ["chosen"]),
        helper.make_node("NonZero", ["chosen"], ["places"]),
        helper.make_node("Cast", ["places"], ["kept"], to=TensorProto.FLOAT),
    ]
    return network(nodes, ["kept"], sides=("batch", 3, "height", "width"), opset=11, rank=2)


def test_an_onnx_file_is_cut_normalised_and_compiled(tmp_path: Path) -> None:
    onnx.save(detector_with_post_processing(), tmp_path / "mine.onnx")
    done = converted(tmp_path, "mine.onnx", "--input", f"{WIDTH}x{HEIGHT}", "--outputs", "score,found", *OPTIONS)
    library, file = done.folder / "mine-32x24-host-1t.so", done.folder / "mine-32x24.onnx"
    assert done.files() == sorted([library.name, library.with_suffix(".json").name, file.name])
    assert [line.split("  ")[0] for line in done.table] == [
        *("step", "ONNX as given", "static ONNX", "normalised ONNX", "TVM for host"),
    ]

    original = detector_with_post_processing()
    del original.graph.node[3:]
    del original.graph.output[:]
    original.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["a", "b", "c", "d"]) for name in ("score", "found")
    )
    canvas = np.random.default_rng(2).integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8)
    right = outputs_of(original, IMAGENET.of(canvas))
    for ours in (
        open_tvm(library, 1).infer(canvas),
        outputs_of(onnx.load(file), canvas.transpose(0, 3, 1, 2).astype(np.float32)),
    ):
        for one, other in zip(ours, right, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)

    described = json.loads(library.with_suffix(".json").read_text(encoding="utf-8"))
    assert described["outputs"] == [
        {"name": "score", "shape": [1, 8, 1, 1], "type": "float32"},
        {"name": "found", "shape": [1, 8, 12, 16], "type": "float32"},
    ]
    assert described["normalisation"]["rgb"] is True
    assert all(step["relative_error"] <= 1e-4 for step in described["steps"][1:])


def test_a_network_with_one_output_is_compiled_for_a_pi(tmp_path: Path) -> None:
    onnx.save(network([conv()], ["features"], sides=(1, 3, HEIGHT, WIDTH)), tmp_path / "one.onnx")
    done = converted(tmp_path, "one.onnx", "--target", "cortex-a76", "--threads", "4")
    assert (done.folder / "one-32x24-cortex-a76-4t.so").read_bytes()[18:20] == b"\xb7\x00", "an ELF file for aarch64"
    assert done.table[-1].endswith("not run: for another CPU")


def test_a_dynamic_shape_is_refused_and_where_to_cut_is_said(tmp_path: Path) -> None:
    onnx.save(detector_with_post_processing(), tmp_path / "mine.onnx")
    line = refused(tmp_path, "mine.onnx", "--input", "32x24")
    assert "dynamic shape: that of places (NonZero)" in line
    assert "--outputs, for example chosen" in line


def broken(folder: Path) -> None:
    (folder / "broken.onnx").write_bytes(b"this is no network")


def fixed_only_by_option(folder: Path) -> None:
    onnx.save(network([conv()], ["features"], sides=(1, 3, "height", "width")), folder / "free.onnx")


def foreign(folder: Path) -> None:
    model = network(
        [helper.make_node("Wish", ["picture"], ["features"], domain="elsewhere")], ["features"], sides=(1, 3, 32, 32)
    )
    model.opset_import.append(helper.make_opsetid("elsewhere", 1))
    onnx.save(model, folder / "foreign.onnx")


def needs_even_sides(folder: Path) -> None:
    small = helper.make_node("MaxPool", ["picture"], ["small"], kernel_shape=[2, 2], strides=[2, 2])
    scales = helper.make_node("Constant", [], ["scales"], value_floats=[1.0, 1.0, 2.0, 2.0])
    large = helper.make_node("Resize", ["small", "", "scales"], ["large"], mode="nearest")
    both = helper.make_node("Add", ["picture", "large"], ["features"])
    onnx.save(
        network([small, scales, large, both], ["features"], sides=(1, 3, "height", "width")), folder / "even.onnx"
    )


def unknown_to_tvm(folder: Path) -> None:
    node = helper.make_node("LpNormalization", ["picture"], ["features"])
    onnx.save(network([node], ["features"], sides=(1, 3, 32, 32)), folder / "rare.onnx")


def nothing(_: Path) -> None:
    """Leave the folder empty."""


MISTAKES = {
    "no such file": (nothing, ["missing.onnx"], "there is no file missing.onnx"),
    "no network at all": (nothing, ["photo.jpg"], "photo.jpg is not package.module:factory"),
    "not ONNX": (broken, ["broken.onnx"], "is not a sound ONNX file"),
    "size not said": (fixed_only_by_option, ["free.onnx"], "say --input WIDTHxHEIGHT"),
    "size not understood": (fixed_only_by_option, ["free.onnx", "--input", "320"], "for example 320x256"),
    "odd size": (needs_even_sides, ["even.onnx", "--input", "32x25"], "does not take a picture of 32x25"),
    "no such tensor": (
        fixed_only_by_option,
        ["free.onnx", "--input", "32x24", "--outputs", "boxes"],
        "ends in features",
    ),
    "unknown operator": (foreign, ["foreign.onnx"], "unsupported operators, not ONNX's own: elsewhere.Wish"),
    "unknown to TVM": (unknown_to_tvm, ["rare.onnx"], "not supported for frontend ONNX: LpNormalization"),
    "no photo": (fixed_only_by_option, ["free.onnx", "--input", "32x24", "--photo", "none.jpg"], "--photo FILE"),
    "two means": (fixed_only_by_option, ["free.onnx", "--mean", "1,2"], "--mean: 1,2 is not 3 number(s)"),
    "no torch": (nothing, ["mine:network", "--input", "32x24"], "torch is not installed"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake: str, tmp_path: Path) -> None:
    prepare, arguments, complaint = MISTAKES[mistake]
    prepare(tmp_path)
    assert complaint in refused(tmp_path, *arguments)


def test_a_step_that_disagrees_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    onnx.save(network([conv()], ["features"], sides=(1, 3, HEIGHT, WIDTH)), tmp_path / "one.onnx")
    # No float32 loops agree so well.
    done = convert(tmp_path, "one.onnx", *OPTIONS, "--tolerance", "1e-12")
    assert done.code == 1
    assert "disagrees with the network: relative error" in done.said[-1]
    assert done.files() == []
    assert len(done.table) > 2, "the table shows how far it came"


def test_garbage_never_passes_for_agreement() -> None:
    right = Answers([[np.zeros((1, 3), np.float32)], [np.full((1, 3), 2, np.float32)]], 1)
    for wrong, error in ((np.nan, np.nan), (np.inf, np.inf), (2.5, 0.25)):
        ours = Answers([right.outputs[0], [np.full((1, 3), wrong, np.float32)]], 1)
        row = compare("a step", Path(__file__), ours, right)
        np.testing.assert_equal(row.relative_error, error)
        with pytest.raises(DisagreementError):
            require_agreement(row, 0.2)
    with pytest.raises(DisagreementError, match="shapes"):
        compare("a step", Path(__file__), Answers([[np.zeros((3, 1))]] * 2, 1), right)
