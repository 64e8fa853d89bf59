"""Motion is seen in one interface, whatever sees it; a turning camera is no motion of the faces."""

from itertools import count
from typing import Any

import cv2
import numpy as np
import pytest
from tracker.flow import FlowSource
from tracker.motion import Faces, view
from tracker.sources import MissingError, source
from tracker.templates import TemplateSource
from tracker.tracking import CameraTracker, Rules

from facewire.metrics import Metrics
from facewire.pixels import picture
from tests.unit.scene import Scene, Walker

NOWHERE = np.zeros(2)


def faces(scene: Scene, index: int) -> Faces:
    boxes = np.array(scene.truth(index))
    return Faces(np.arange(len(boxes)), boxes, np.zeros((len(boxes), 2)), NOWHERE)


def test_flow_sees_faces_and_the_camera_move_apart() -> None:
    scene = Scene(Walker(100, 150, dx=4), Walker(400, 150, dx=-2, dy=2), pan=6)
    before, now = (view(picture(scene.frame(index))) for index in (10, 11))
    seen = FlowSource().motion(before, now, faces(scene, 10))
    assert seen.seen.all()
    assert seen.shift == pytest.approx(np.array([(4, 0), (-2, 2)]), abs=0.3)
    assert seen.camera == pytest.approx(np.array((-6, 0)), abs=0.3)


def test_a_face_that_is_covered_by_half_is_not_said_to_be_seen() -> None:
    scene = Scene(Walker(200, 150), Walker(245, 150, side=100, frames=range(11, 20)))
    before, now = (view(picture(scene.frame(index))) for index in (10, 11))
    assert not FlowSource().motion(before, now, faces(scene, 10)).seen.any()


def test_a_hidden_face_is_expected_where_the_camera_turned_to() -> None:
    scene = Scene(Walker(300, 150, dx=-4, frames=range(31)), pan=4)
    tracker = CameraTracker("door", Rules(coast_s=3.0), count(1).__next__, Metrics("test"))
    for index in range(1, 51):
        tracker.see(scene.frame(index))
        if index % 5 == 0:
            tracker.correct(scene.detections(index))
    # It stands in the room while the camera turns: where it would be now.
    assert tracker._followed.table.filter.place[0, 0] == pytest.approx(300 - 4 * 50 + 40, abs=25)


def test_the_filter_alone_follows_a_steady_walk() -> None:
    scene, tracker = Scene(Walker(60, 150, dx=3)), kalman_tracker()
    for index in range(1, 60):
        seen, _ = tracker.see(scene.frame(index))
        if index % 5 == 0:
            tracker.correct(scene.detections(index))
    assert seen is not None
    assert [track.id for track in seen.tracks] == [1]
    assert seen.tracks[0].xyxy[0] == pytest.approx(60 + 3 * 59, abs=12)


def kalman_tracker() -> CameraTracker:
    return CameraTracker("door", Rules(), count(1).__next__, Metrics("test"), source=source("kalman"))


class ShiftingTracker:
    """Stands for OpenCV's KCF: says that what it was shown moves 3 px to the right."""

    made: list["ShiftingTracker"]

    def init(self, _: Any, box: tuple[int, int, int, int]) -> None:
        self.box = box

    def update(self, _: Any) -> tuple[bool, tuple[float, float, float, float]]:
        left, top, width, height = self.box
        self.box = (left + 3, top, width, height)
        return True, (float(left + 3), float(top), float(width), float(height))


@pytest.mark.parametrize("kind", ["kcf", "csrt"])
def test_a_tracker_of_opencvs_is_made_once_a_face_and_again_where_a_detection_corrects_it(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ShiftingTracker] = []

    def create() -> ShiftingTracker:
        made.append(ShiftingTracker())
        return made[-1]

    monkeypatch.setattr(cv2, {"kcf": "TrackerKCF_create", "csrt": "TrackerCSRT_create"}[kind], create, raising=False)
    scene = Scene(Walker(200, 150))
    seen_view, templates = view(picture(scene.frame(1))), TemplateSource(kind)
    here = faces(scene, 1)
    first = templates.motion(seen_view, seen_view, here)
    assert first.shift == pytest.approx(np.array([(6, 0)]))
    moved = Faces(here.ids, here.xyxy + np.array((6.0, 0.0, 6.0, 0.0)), here.guess, NOWHERE)
    templates.motion(seen_view, seen_view, moved)
    assert len(made) == 1
    templates.motion(seen_view, seen_view, here)
    assert len(made) == 2


@pytest.mark.skipif(hasattr(cv2, "TrackerKCF"), reason="this OpenCV has it")
def test_where_opencv_lacks_a_tracker_the_operator_is_told_what_to_install() -> None:
    with pytest.raises(MissingError, match="opencv-contrib-python-headless"):
        source("kcf")
