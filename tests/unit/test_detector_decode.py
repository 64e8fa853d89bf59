"""Decoding is pure: what a cell says becomes a face at the right place, and the best of many is kept."""

import numpy as np
import pytest
from detector.families.yunet import yunet
from detector.geometry import InputSize, LetterboxCanvas, Views, fit
from detector.nms import keep_best
from detector.settings import DetectorSettings
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewire.boxes import iou
from facewire.settings import load

SIZE = InputSize(320, 256)
CELLS = {stride: (320 // stride) * (256 // stride) for stride in (8, 16, 32)}


def silent_tensors() -> list[NDArray[np.float32]]:
    channels = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    return [np.zeros((1, CELLS[s], n), np.float32) for n in channels.values() for s in (8, 16, 32)]


def test_nothing_is_found_in_silence() -> None:
    assert yunet(SIZE).decode(silent_tensors(), fit(640, 480, SIZE), 0.5) == ()


def test_a_cell_becomes_a_face_in_pixels_of_the_picture() -> None:
    tensors = silent_tensors()
    cell = 3 * (320 // 16) + 5
    tensors[1][0, cell] = 0.81
    tensors[4][0, cell] = 1.0
    tensors[7][0, cell] = (0.5, 0.25, np.log(2.0), np.log(3.0))
    tensors[10][0, cell] = np.tile((1.0, -1.0), 5)
    (face,) = yunet(SIZE).decode(tensors, fit(640, 480, SIZE), 0.5)
    # Column 5, row 3 of stride 16; the picture is twice as large as its place in the input.
    centre_x, centre_y, width, height = 2 * 16 * 5.5, 2 * 16 * 3.25, 2 * 16 * 2, 2 * 16 * 3
    expected = (centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2)
    assert face.xyxy == pytest.approx(expected, rel=1e-5)
    assert face.score == pytest.approx(0.9, abs=1e-6)
    assert face.landmarks is not None
    assert face.landmarks[0] == pytest.approx((2 * 16 * 6, 2 * 16 * 2), rel=1e-5)


def test_faces_below_the_threshold_are_left_out() -> None:
    tensors = silent_tensors()
    tensors[0][0, 7] = tensors[3][0, 7] = 0.49
    assert yunet(SIZE).decode(tensors, fit(640, 480, SIZE), 0.5) == ()


@given(width=st.integers(1, 4000), height=st.integers(1, 4000))
def test_letterbox_keeps_the_aspect_and_fits(width: int, height: int) -> None:
    placed = fit(width, height, SIZE)
    assert 1 <= placed.width <= SIZE.width
    assert 1 <= placed.height <= SIZE.height
    scale = min(SIZE.width / width, SIZE.height / height)
    # Rounded to whole pixels, and never below one.
    assert abs(placed.width - width * scale) <= 1
    assert abs(placed.height - height * scale) <= 1


def test_letterbox_leaves_no_trace_of_a_picture_of_another_shape() -> None:
    letterbox = LetterboxCanvas(SIZE)
    letterbox.fill(np.full((480, 640, 3), 255, np.uint8))
    canvas, placed = letterbox.fill(np.full((480, 320, 3), 9, np.uint8))
    assert (canvas[0, :, : placed.width] == 9).all()
    assert (canvas[0, :, placed.width :] == 0).all()


def test_gray_and_colour_of_the_same_picture_give_the_same_tensor() -> None:
    gray = np.random.default_rng(1).integers(0, 255, (480, 640), dtype=np.uint8)
    first = LetterboxCanvas(SIZE).fill(gray)[0]
    second = LetterboxCanvas(SIZE).fill(np.repeat(gray[..., None], 3, axis=2))[0]
    np.testing.assert_array_equal(first, second)


boxes = st.lists(
    st.tuples(st.floats(0, 600), st.floats(0, 400), st.floats(1, 200), st.floats(1, 200), st.floats(0, 1)), max_size=40
)


@given(boxes)
def test_what_is_kept_does_not_overlap_and_what_is_dropped_overlaps_something_better(
    rows: list[tuple[float, float, float, float, float]],
) -> None:
    array = np.array(rows).reshape(-1, 5)
    xyxy = np.concatenate((array[:, :2], array[:, :2] + array[:, 2:4]), axis=1)
    scores = array[:, 4]
    kept = keep_best(xyxy, scores, 0.3)
    overlaps = iou(xyxy, xyxy)
    assert list(scores[kept]) == sorted(scores[kept], reverse=True)
    assert (np.triu(overlaps[np.ix_(kept, kept)], 1) <= 0.3).all()
    for dropped in set(range(len(xyxy))) - set(kept.tolist()):
        assert any(overlaps[dropped, best] > 0.3 and scores[best] >= scores[dropped] for best in kept)


@pytest.mark.parametrize(("told", "said"), [("300x250", "multiples of 32"), ("320", "WIDTHxHEIGHT")])
def test_input_size_that_does_not_fit_the_strides_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], told: str, said: str
) -> None:
    monkeypatch.setenv("DETECTOR_INPUT", told)
    with pytest.raises(SystemExit):
        load(DetectorSettings)
    assert said in capsys.readouterr().err


def test_each_network_gets_its_own_view_of_the_same_picture() -> None:
    views, wide, small = Views(), InputSize(64, 32), InputSize(32, 32)
    views.show(np.full((10, 20, 3), 200, np.uint8))
    first, placed = views.at(wide)
    assert (first.shape, placed.width, placed.height) == ((1, 32, 64, 3), 64, 32)
    assert views.at(small)[0].shape == (1, 32, 32, 3)
    assert views.at(wide)[0] is first

    views.show(np.full((10, 20, 3), 100, np.uint8))
    assert views.at(wide)[0].max() == 100
    assert views.at(small)[1].height == 16
