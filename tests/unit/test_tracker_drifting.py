"""A box follows its detections where the face changes, and not where they scatter."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from tracker.tracking import CameraTracker, Rules

from facewire.messages import Face, Frame
from facewire.metrics import Metrics
from tests.unit.scene import NOWHERE, Scene, Walker


def make() -> CameraTracker:
    return CameraTracker("door", Rules(), count(1).__next__, Metrics("test"))


def fading(first: Frame, second: Frame, share: float) -> Frame:
    """Return a frame on the way from one to the other."""
    begin, end = (np.frombuffer(frame.data, np.uint8).astype(np.float64) for frame in (first, second))
    return replace(first, data=np.round(begin + share * (end - begin)).astype(np.uint8).tobytes())


@pytest.mark.parametrize(("other", "wider_px"), [(7, (0.0, 1.5)), (8, (4.0, 8.0))], ids=["same", "changed"])
def test_one_detection_is_believed_more_where_the_face_has_changed(other: int, wider_px: tuple[float, float]) -> None:
    scene, later, tracker = Scene(Walker(200, 150)), Scene(Walker(200, 150), seed=other), make()
    for index in range(1, 6):
        tracker.see(scene.frame(index))
        tracker.correct(scene.detections(index))
    for index in range(6, 14):
        tracker.see(fading(scene.frame(index), later.frame(index), 0.06 * (index - 5)))
    left, top, right, bottom = scene.truth(13)[0]
    tracker.correct(replace(scene.detections(13), faces=(Face((left, top, right + 8, bottom), 0.9, NOWHERE),)))
    box = tracker.tracks(scene.frame(13)).tracks[0].xyxy
    assert wider_px[0] < box[2] - box[0] - 80 < wider_px[1]


def test_what_three_detections_say_alike_is_believed_and_scatter_is_not() -> None:
    def after(shifts: list[float]) -> float:
        scene, tracker = Scene(Walker(200, 150)), make()
        for index, shift in enumerate([0.0, 0.0, 0.0, *shifts], start=1):
            tracker.see(scene.frame(index))
            left, top, right, bottom = scene.truth(index)[0]
            found = (left, top, right + shift, bottom)
            tracker.correct(replace(scene.detections(index), faces=(Face(found, 0.9, NOWHERE),)))
        box = tracker.tracks(scene.frame(index)).tracks[0].xyxy
        return box[2] - box[0] - 80

    assert after([8.0] * 5) > 5.0
    assert abs(after([8.0, -8.0] * 3)) < 1.5
