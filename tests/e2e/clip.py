"""Find which frame of the demo clip a picture of the stream is, and hold tracks against the clip's truth."""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from capture.demo.truth import CLIP, TrueFace, Truth, load_truth

from facewire.boxes import iou
from tests.e2e.stream import Part
from tests.places import DEMO

THUMB = (64, 48)
WELL_VISIBLE = 0.85


def thumbs() -> np.ndarray:
    """Return every frame of the clip, small: (N, 48, 64) float32 gray."""
    capture = cv2.VideoCapture(str(DEMO / CLIP))
    small: list[np.ndarray] = []
    while True:
        there, picture = capture.read()
        if not there:
            return np.array(small)
        small.append(_thumb(picture))


def _thumb(picture: np.ndarray) -> np.ndarray:
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(gray, THUMB, interpolation=cv2.INTER_AREA), np.float32)


@dataclass(slots=True)
class Score:
    """How well the tracks of some pictures fit the truth."""

    visible: int = 0
    found: int = 0
    false: int = 0
    shown: int = 0
    overlaps: list[float] = field(default_factory=list)
    switches: int = 0
    ids: dict[str, list[int]] = field(default_factory=dict)

    @property
    def recall(self) -> float:
        return self.found / max(self.visible, 1)

    @property
    def precision(self) -> float:
        return 1 - self.false / max(self.shown, 1)


def judge(seen: list[Part]) -> Score:
    """Compare each picture's tracks with the truth of the frame that it shows."""
    truth, known, score = load_truth(DEMO), thumbs(), Score()
    for part in seen:
        picture = cv2.imdecode(np.frombuffer(part.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        index = int(np.abs(known - _thumb(picture)).mean(axis=(1, 2)).argmin())
        _judge_one(part.about["tracks"], truth, index, score)
    return score


def _judge_one(tracks: list[dict[str, Any]], truth: Truth, index: int, score: Score) -> None:
    tracks = [track for track in tracks if track["state"] != "tentative"]
    boxes = np.array([track["xyxy"] for track in tracks]).reshape(-1, 4)
    faces = truth.frames[index]
    overlaps = iou(np.array([face.xyxy for face in faces]).reshape(-1, 4), boxes)
    # A coasting face is shown as one that is not seen right now; only the others claim to be there.
    claimed = np.array([track["state"] == "confirmed" for track in tracks], bool)
    score.shown += int(claimed.sum())
    score.false += int((overlaps[:, claimed].max(axis=0, initial=0) < 0.2).sum())
    for row, face in enumerate(faces):
        # Who just came in is not yet confirmed: two detections, ten frames.
        if face.visible < WELL_VISIBLE or not _long_visible(truth, index, face):
            continue
        score.visible += 1
        best = float(overlaps[row].max(initial=0))
        score.overlaps.append(best)
        if best < 0.4:
            continue
        score.found += 1
        track_id = tracks[int(overlaps[row].argmax())]["id"]
        before = score.ids.setdefault(face.person, [])
        if not before or before[-1] != track_id:
            score.switches += bool(before)
            before.append(track_id)


def _long_visible(truth: Truth, index: int, face: TrueFace, frames: int = 20) -> bool:
    return all(
        any(other.person == face.person and other.visible >= WELL_VISIBLE for other in truth.frames[earlier])
        for earlier in range(max(0, index - frames), index)
    )
