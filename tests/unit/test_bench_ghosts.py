"""Ghost seconds: how long boxes are shown where a dense detection finds no face."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.tracking import dense
from benchmarks.tracking.clips import Boxed, boxed
from benchmarks.tracking.ghosts import ghost_seconds
from benchmarks.tracking.results import Row, table, targets
from facewire.boxes import iou
from tests.places import MODELS

FACE = (100.0, 100.0, 150.0, 160.0)


def boxes(*rows: tuple[int, tuple[float, ...]]) -> Boxed:
    return boxed([(frame, 1, xyxy, 1.0) for frame, xyxy in rows])


def test_only_boxes_without_a_face_in_their_own_frame_are_ghosts() -> None:
    faces = boxes((0, FACE), (1, FACE))
    near, grazing, far = (105.0, 98.0, 155.0, 158.0), (148.0, 158.0, 200.0, 220.0), (400.0, 0.0, 450.0, 60.0)
    assert ghost_seconds(boxes((0, FACE), (1, near)), faces, 10.0) == 0
    assert ghost_seconds(boxes((0, far), (0, near), (1, grazing), (2, FACE)), faces, 10.0) == pytest.approx(0.3)
    assert ghost_seconds(boxes(), faces, 10.0) == 0


def test_ghost_seconds_are_a_target_of_real_clips_only() -> None:
    real = Row("table", "flow", 60, 70, 80, 0, 1.0, ghost_s=0.1)
    rows = [real, Row("slow", "flow", 95, 99, 99, 0, 1.0), Row("table", "kcf", 50, 60, 70, 0, 9.0, ghost_s=3.0)]
    found = {each.name: each.verdict for each in targets(rows, [], [])}
    assert found["table: ghost seconds"] == "MISSED"
    assert "slow: ghost seconds" not in found
    assert "0.10" in table(rows, {}).splitlines()[1]


def test_a_dense_detection_holds_both_ways_and_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "FOLDER", tmp_path / "kept")
    monkeypatch.setattr(dense, "SIZES", dense.SIZES[:1])
    photo = cv2.imread(str(MODELS / "sample1.jpg"))
    assert photo is not None
    picture = cv2.resize(photo, (640, 480))
    video = tmp_path / "two.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (640, 480))
    for _ in range(2):
        writer.write(picture)
    writer.release()
    found = dense.dense(video)
    assert set(found.frame.tolist()) == {0, 1}
    for frame in range(2):
        here = found.xyxy[found.at(frame)]
        # As it is and mirrored: each face twice in nearly one place.
        assert (np.sort(iou(here, here), axis=1)[:, -2] > 0.5).any()
    monkeypatch.setattr(dense, "Detector", None)
    assert np.array_equal(dense.dense(video).xyxy, found.xyxy)
