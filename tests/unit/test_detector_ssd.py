"""The SSD decoder agrees with one written slowly, and tells what is there from what is left over."""

import math

import numpy as np
import pytest
from detector.families import ssd
from detector.geometry import Letterbox, fit
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tests.unit.test_detector_blazeface import slow_iou

PLACED = Letterbox(320, 240, 0.5, 0.51)

Answer = tuple[float, float, float, float, float]
"""Top, left, height and width in parts of the input, and the score."""

answers = arrays(np.float32, (12, 5), elements=st.floats(-0.25, 1, width=32), fill=st.nothing())


def tensors(rows: list[Answer], count: int, room: int = 20) -> list[NDArray[np.float32]]:
    boxes, scores = np.zeros((1, room, 4), np.float32), np.zeros((1, room), np.float32)
    for place, (top, left, height, width, score) in enumerate(rows):
        boxes[0, place], scores[0, place] = (top, left, top + height, left + width), score
    return [boxes, np.zeros((1, room), np.float32), scores, np.array([count], np.float32)]


def slow_decode(given: list[NDArray[np.float32]], threshold: float) -> list[tuple[float, list[float]]]:
    waiting = []
    for place in range(int(given[3][0])):
        top, left, bottom, right = given[0][0, place].tolist()
        score = float(given[2][0, place])
        if score >= threshold and bottom - top >= 1 / 320 and right - left >= 1 / 320:
            across, down = 320 / PLACED.scale_x, 320 / PLACED.scale_y
            waiting.append((score, [left * across, top * down, right * across, bottom * down]))
    waiting.sort(key=lambda row: -row[0])
    kept: list[tuple[float, list[float]]] = []
    for score, box in waiting:
        if all(slow_iou(box, better) <= ssd.NMS_IOU for _, better in kept):
            kept.append((score, box))
    return kept


def is_close_call(given: list[NDArray[np.float32]]) -> bool:
    """Say whether rounding to float32 may decide: an overlap or a side at its limit, equal scores."""
    boxes = given[0][0].astype(float)
    sides = boxes[:, 2:] - boxes[:, :2]
    scores = np.sort(given[2][0])
    if (abs(sides - 1 / 320) < 1e-5).any() or ((np.diff(scores) < 1e-6) & (scores[1:] >= 0.1)).any():
        return True
    proper = [box for box, side in zip(boxes.tolist(), sides, strict=True) if (side > 0).all()]
    return any(abs(slow_iou(a, b) - ssd.NMS_IOU) < 1e-4 for a in proper for b in proper if a is not b)


@settings(max_examples=150)
@given(answers, st.integers(0, 12), st.sampled_from([0.1, 0.5, 0.9]))
def test_the_decoder_agrees_with_a_slow_one(drawn: NDArray[np.float32], count: int, threshold: float) -> None:
    # Half of the boxes at least are boxes.
    drawn[::2, 2:4] = np.abs(drawn[::2, 2:4]) + 0.01
    made = tensors([tuple(row) for row in drawn.tolist()], count)
    assume(not is_close_call(made))
    # 0.9 as float32 lies below 0.9.
    assume((abs(made[2][0] - threshold) > 1e-6).all())
    faces, expected = ssd.decode(made, PLACED, threshold), slow_decode(made, threshold)

    assert [face.score for face in faces] == pytest.approx([score for score, _ in expected])
    for face, (_, box) in zip(faces, expected, strict=True):
        assert face.xyxy == pytest.approx(box, abs=1e-2)
        assert face.landmarks is None


def test_a_box_is_top_left_bottom_right_in_parts_of_the_whole_input() -> None:
    made = tensors([(0.25, 0.5, 0.25, 0.125, 0.9)], 1)

    (face,) = ssd.decode(made, fit(640, 480, ssd.SIZE), 0.5)

    # The picture is twice as large as its place in the input of 320 x 320, of which it fills the upper three quarters.
    assert face.xyxy == pytest.approx((320, 160, 400, 320))


def test_what_lies_behind_the_count_is_left_over_from_before() -> None:
    rows: list[Answer] = [(0.1, 0.1, 0.1, 0.1, 0.9), (0.5, 0.5, 0.1, 0.1, 0.8), (0.7, 0.1, 0.1, 0.1, 0.7)]

    assert len(ssd.decode(tensors(rows, 2), PLACED, 0.5)) == 2
    assert ssd.decode(tensors(rows, 0), PLACED, 0.5) == ()


@pytest.mark.parametrize("room", [10, ssd.ROOM, 150])
def test_any_room_becomes_the_familys(room: int) -> None:
    made = tensors([(0.1, 0.1, 0.1, 0.1, 0.9), (0.5, 0.5, 0.1, 0.1, 0.8)], 2, room)

    settled = ssd.settle(made)

    assert tuple(tensor.shape for tensor in settled) == ssd.family().shapes
    assert ssd.decode(settled, PLACED, 0.5) == ssd.decode(made, PLACED, 0.5)


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [
        (((1, 50, 4), (1, 50), (1, 50), (1,)), True),
        (((1, 50), (1, 50), (1, 50, 4), (1,)), False),
        (((1, 50, 4), (1, 50), (1, 49), (1,)), False),
        (((1, 50, 4), (1, 50), (1, 50)), False),
        (((1, 896, 16), (1, 896, 1)), False),
    ],
)
def test_the_operators_layout_is_known_by_its_shapes(shapes: tuple[tuple[int, ...], ...], *, fits: bool) -> None:
    assert ssd.is_layout(shapes) is fits


def test_a_box_that_is_no_number_is_refused() -> None:
    made = tensors([(0.1, 0.1, math.nan, 0.1, 0.9)], 1)

    with pytest.raises(ValueError, match="xyxy"):
        ssd.decode(made, PLACED, 0.5)
