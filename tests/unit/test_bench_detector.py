"""The bench's own arithmetic: what it counts, how it compares, and what it says of targets."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from detector.geometry import InputSize
from onnx import TensorProto, helper, numpy_helper, shape_inference

from benchmarks.rows.comparing import boxes_differ_by, tensors_differ_by
from benchmarks.rows.flops import flop
from benchmarks.rows.report import Figures, Row, Target, for_programs, table, targets, verdicts
from benchmarks.rows.subjects import edge_tpu_problem

TIMES_MS = {"pytorch-eager": 40.0, "opencv": 4.0, "onnxruntime": 1.2, "ncnn-cpu": 2.0, "tvm": 1.0}


def row(name: str, threads: int, median_ms: float | None, problem: str = "") -> Row:
    return Row(name, "yunet", "320x256", threads, median_ms, median_ms, 0.0, problem)


def a_run() -> Figures:
    rows = [row(name, threads, each_ms / threads) for threads in (1, 2) for name, each_ms in TIMES_MS.items()]
    rows.append(Row("edgetpu", "ssd", "320x320", 1, problem="no device"))
    return Figures(tuple(rows), "tvm", "avx512f", 200.0, 150.0, 1.3, 90.0, 0.8)


def two_convolutions() -> onnx.ModelProto:
    weights = {"dense": np.zeros((8, 3, 3, 3), np.float32), "depthwise": np.zeros((8, 1, 3, 3), np.float32)}
    nodes = [
        helper.make_node("Conv", ["image", "dense"], ["middle"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["middle"], ["clipped"]),
        helper.make_node("Conv", ["clipped", "depthwise"], ["result"], pads=[1, 1, 1, 1], group=8),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 20])],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, [1, 8, 8, 10])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return shape_inference.infer_shapes(helper.make_model(graph))


def test_flop_counts_two_for_each_multiplication_of_a_convolution() -> None:
    pixels = 8 * 10
    assert flop(two_convolutions()) == pixels * 8 * (2 * 27 + 2 * 9)


def test_all_targets_of_a_good_run_are_reached() -> None:
    found = targets(a_run(), (1, 2))
    assert len(found) == 11
    assert {each.verdict for each in found} == {"ok"}


@pytest.mark.parametrize(
    ("run", "missed"),
    [
        (replace(a_run(), achieved_gflops=149.0), "achieved / peak GFLOP/s, 1 thread"),
        (replace(a_run(), step_over_net=1.41), "step over net"),
        (replace(a_run(), peak_rss_mb=151.0), "peak memory, MB"),
        (replace(a_run(), first_faces_s=2.1), "start to first faces, s"),
        (replace(a_run(), chosen="opencv"), "pytorch-eager / chosen, 1 thread"),
    ],
)
def test_a_target_is_missed(run: Figures, missed: str) -> None:
    assert [each.name for each in targets(run, (1, 2)) if each.verdict == "MISSED"] == [missed]


def test_avx2_is_to_reach_seven_tenths_of_the_peak() -> None:
    run = replace(a_run(), instruction_set="avx2")
    assert {each.verdict for each in targets(replace(run, achieved_gflops=141.0), (1, 2))} == {"ok"}
    assert "MISSED" in {each.verdict for each in targets(replace(run, achieved_gflops=139.0), (1, 2))}


def test_programs_read_the_instruction_set() -> None:
    assert for_programs(a_run())["instruction_set"] == "avx512f"


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    run = replace(a_run(), rows=tuple(each for each in a_run().rows if each.name != "ncnn-cpu"))
    unknown = [each.name for each in targets(run, (1, 2)) if each.verdict == "not measured"]
    assert unknown == ["tvm / ncnn-cpu, 1 thread", "tvm / ncnn-cpu, 2 threads"]
    assert "not measured" in verdicts([Target("any", math.nan, "<=", 1)])


def test_a_row_without_figures_says_why() -> None:
    last = table(a_run().rows).splitlines()[-1]
    assert last.startswith("edgetpu")
    assert last.endswith("no device")
    rows = json.loads(json.dumps(for_programs(a_run())))["rows"]
    assert rows[-1]["median_ms"] is None
    assert rows[-1]["problem"] == "no device"
    assert set(rows[0]) == {"name", "model", "input", "threads", "median_ms", "p90_ms", "max_abs_error"}


def test_tensors_are_compared_whatever_their_shape() -> None:
    truth = [np.zeros((1, 4, 2), np.float32), np.ones((1, 3, 1), np.float32)]
    ours = [np.full((4, 2), 0.5, np.float32), np.ones(3, np.float32)]
    assert tensors_differ_by(ours, truth) == 0.5


def test_fewer_faces_than_the_reference_found_are_no_small_error() -> None:
    cells = [(8, 40 * 32), (16, 20 * 16), (32, 10 * 8)]
    truth = [np.zeros((1, count, channels), np.float32) for channels in (1, 1, 4, 10) for _, count in cells]
    assert truth[0].shape == (1, 1280, 1)
    truth[0][0, 5] = truth[3][0, 5] = 1
    with pytest.raises(ValueError, match="0 faces, not 1"):
        boxes_differ_by(np.zeros((0, 15), np.float32), truth, InputSize(320, 256))
    # Column 5 of row 0 at stride 8, and exp(0) strides wide.
    assert boxes_differ_by(np.array([[36, -4, 8, 8.5]], np.float32), truth, InputSize(320, 256)) == 0.5


def test_an_edge_tpu_is_recognised_by_its_usb_ids(tmp_path: Path) -> None:
    model = tmp_path / "model_edgetpu.tflite"
    assert edge_tpu_problem(model, tmp_path, tmp_path) == "no device"
    stick = tmp_path / "1-1"
    stick.mkdir()
    (stick / "idVendor").write_text("18d1\n", encoding="ascii")
    (stick / "idProduct").write_text("9302\n", encoding="ascii")
    assert edge_tpu_problem(model, tmp_path, tmp_path).endswith("edgetpu-face`")
    model.touch()
    assert edge_tpu_problem(model, tmp_path, tmp_path) == ""
