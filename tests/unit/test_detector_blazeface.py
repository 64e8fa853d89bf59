"""BlazeFace's decoder agrees with one written slowly, straight from the formulas."""

import math
from itertools import pairwise

import numpy as np
import pytest
from detector.families import blazeface
from detector.geometry import Letterbox, fit
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from facewire.messages import Face

SCALE = Letterbox(180, 135, 0.45, 0.46)
# The centres of a few of `full`'s anchors, spread out and side by side: a plain loop over all 2304 would be slow.
CENTRES = blazeface.anchors("full")[[0, 1, 2, 48, 49, 1200, 1201, 1250, 2303]]

Answer = tuple[float, list[float]]
logits = arrays(np.float32, len(CENTRES), elements=st.floats(-8, 8, width=32), fill=st.nothing())
offsets = arrays(np.float32, (len(CENTRES), 16), elements=st.floats(-60, 60, width=32))


def tensors(rows: list[Answer]) -> list[NDArray[np.float32]]:
    given = np.array([offset for _, offset in rows], np.float32)[None]
    return [given, np.array([logit for logit, _ in rows], np.float32)[None, :, None]]


def slow_iou(first: list[float], second: list[float]) -> float:
    width = max(0.0, min(first[2], second[2]) - max(first[0], second[0]))
    height = max(0.0, min(first[3], second[3]) - max(first[1], second[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return width * height / (sum(areas) - width * height)


def slow_rows(rows: list[Answer], threshold: float) -> list[tuple[float, list[float]]]:
    """Decode each anchor; best first: score, then left, top, right, bottom, and six points, in px of the input."""
    found = []
    for (logit, offset), (across, down) in zip(rows, CENTRES.tolist(), strict=True):
        score = 1 / (1 + math.exp(-min(max(logit, -80), 80)))
        centre_x, centre_y, width, height = offset[0] + across, offset[1] + down, offset[2], offset[3]
        if score < threshold or width < 1 or height < 1:
            continue
        box = [centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2]
        points = [value + (across, down)[place % 2] for place, value in enumerate(offset[4:])]
        found.append((score, box + points))
    return sorted(found, key=lambda row: -row[0])


def slow_decode(rows: list[Answer], threshold: float) -> list[tuple[float, list[float]]]:
    """Take the best, average what overlaps it, go on with the rest (MediaPipe's weighted suppression)."""
    waiting, faces = slow_rows(rows, threshold), []
    while waiting:
        best = waiting[0]
        same = [row for row in waiting if row is best or slow_iou(row[1], best[1]) > blazeface.BLENDING_IOU]
        waiting = [row for row in waiting if row not in same]
        weight = sum(score for score, _ in same)
        faces.append((best[0], [sum(s * row[i] for s, row in same) / weight for i in range(16)]))
    return faces


def is_close_call(rows: list[Answer], threshold: float) -> bool:
    """Say whether rounding to float32 may decide: a score at the threshold, an overlap at its limit, equal scores."""
    found = slow_rows(rows, threshold * 0.99)
    scores = sorted(score for score, _ in found)
    if any(abs(score - threshold) < 1e-5 for score in scores):
        return True
    if any(after - before < 1e-6 for before, after in pairwise(scores)):
        return True
    boxes = [row for _, row in found]
    return any(abs(slow_iou(a, b) - blazeface.BLENDING_IOU) < 1e-4 for a in boxes for b in boxes if a is not b)


def decode(rows: list[Answer], threshold: float) -> tuple[Face, ...]:
    return blazeface.decode(tensors(rows), SCALE, threshold, centres=CENTRES)


@settings(max_examples=150)
@given(logits, offsets, st.sampled_from([0.1, 0.5, 0.9]))
def test_the_decoder_agrees_with_a_slow_one(
    said: NDArray[np.float32], where: NDArray[np.float32], threshold: float
) -> None:
    # Half of the boxes at least are boxes.
    where[::2, 2:4] = np.abs(where[::2, 2:4]) + 1
    rows: list[Answer] = list(zip(said.tolist(), where.tolist(), strict=True))
    assume(not is_close_call(rows, threshold))
    faces, expected = decode(rows, threshold), slow_decode(rows, threshold)

    assert len(faces) == len(expected)
    for face, (score, row) in zip(faces, expected, strict=True):
        assert face.score == pytest.approx(score, abs=1e-5)
        in_picture = [value / (SCALE.scale_x, SCALE.scale_y)[place % 2] for place, value in enumerate(row)]
        assert face.xyxy == pytest.approx(in_picture[:4], abs=1e-2)
        assert face.landmarks is not None
        for point, place in zip(face.landmarks[:3], (4, 6, 8), strict=True):
            assert point == pytest.approx(tuple(in_picture[place : place + 2]), abs=1e-2)


@given(st.floats(-3, 3), st.floats(5, 40), st.floats(-50, 50), st.floats(-50, 50))
def test_mouth_corners_lie_beside_the_mouth_along_the_line_of_the_eyes(
    turn: float, eyes: float, across: float, down: float
) -> None:
    along = np.array([math.cos(turn), math.sin(turn)]) * eyes
    right_eye = np.array([across, down])
    mouth = right_eye + along / 2 + np.array([-along[1], along[0]])
    six = np.array([right_eye, right_eye + along, right_eye, mouth, right_eye, right_eye])[None].astype(np.float32)

    right, left = blazeface.five_points(six)[0, 3:]

    np.testing.assert_allclose((right + left) / 2, mouth, atol=1e-3)
    np.testing.assert_allclose(left - right, along * blazeface.MOUTH_OVER_EYES, atol=1e-3)


@pytest.mark.parametrize(("variant", "count"), [("front", 896), ("back", 896), ("full", 2304)])
def test_anchors_are_the_centres_of_cells_row_by_row(variant: blazeface.Variant, count: int) -> None:
    centres = blazeface.anchors(variant)
    stride, sharing = blazeface.ANCHORS[variant][0]

    assert centres.shape == (count, 2)
    assert (centres[:sharing] == stride / 2).all()
    assert centres[sharing].tolist() == [1.5 * stride, stride / 2]
    assert centres.min() == stride / 2
    assert centres.max() == blazeface.SIDES_PX[variant] - stride / 2


def test_logits_of_any_size_are_scores() -> None:
    rows: list[Answer] = [(-3e38, [0.0, 0.0, 9.0, 9.0] + [0.0] * 12)] * len(CENTRES)
    assert decode(rows, 0.5) == ()

    rows[0] = (3e38, rows[0][1])
    assert [face.score for face in decode(rows, 0.5)] == [1.0]


def test_a_box_that_is_no_number_is_refused() -> None:
    rows: list[Answer] = [(5.0, [0.0, 0.0, 9.0, 9.0] + [0.0] * 12)] * len(CENTRES)
    rows[3] = (5.0, [0.0, 0.0, math.nan, 9.0] + [0.0] * 12)

    with pytest.raises(ValueError, match="xyxy"):
        decode(rows, 0.5)


def test_a_family_takes_the_outputs_that_it_announces() -> None:
    for variant in blazeface.SIDES_PX:
        family = blazeface.family(variant)
        empty = [np.full(shape, -100, np.float32) for shape in family.shapes]
        assert family.decode(empty, fit(640, 480, family.size), 0.5) == ()
