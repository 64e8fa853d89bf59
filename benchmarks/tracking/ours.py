"""Worker: the tracker of this project, as the service calls it."""

from itertools import count
from typing import Any

import cv2
import numpy as np
from tracker.tracking import CameraTracker, Rules

from benchmarks.tracking.clips import Clip
from benchmarks.tracking.running import Given, Shown, main
from facewire.messages import Detections, Face, Frame
from facewire.metrics import Metrics

MAX_FACES = 50
"""Nobody else has a cap."""
NS_PER_S = 1_000_000_000


class Ours:
    """`CameraTracker` on the frames of a clip; what is neither confirmed nor likely is not shown."""

    looks = True

    def __init__(self, clip: Clip) -> None:
        self._fps = clip.fps
        self._tracker = CameraTracker("bench", Rules(max_faces=MAX_FACES), count(1).__next__, Metrics("tracker"))
        self._next: Frame | None = None

    def prepare(self, frame: int, picture: Any) -> None:  # noqa: ANN401  OpenCV's array
        """Make the message, which is capture's work and not timed."""
        height, width, _ = picture.shape
        self._next = Frame("bench", frame, self._ns(frame), width, height, "bgr24", picture.tobytes())

    def step(self, given: Given | None) -> Shown:
        """Follow the faces into the next frame, and take detections when there are any."""
        assert self._next is not None  # noqa: S101  prepared
        tracks, _ = self._tracker.see(self._next)
        if given is not None:
            self._tracker.correct(self._detections(given))
            # The service publishes what `see` returns; the others are asked when they know the frame's detections.
            tracks = self._tracker.tracks(self._next)
        shown = [track for track in (tracks.tracks if tracks else ()) if track.state != "tentative" or track.likely]
        boxes = np.array([track.xyxy for track in shown], np.float64).reshape(-1, 4)
        return np.array([track.id for track in shown], np.int64), boxes

    def _detections(self, given: Given) -> Detections:
        boxes, scores = given.xyxy.tolist(), given.scores.tolist()
        faces = tuple(Face(tuple(box), score, None) for box, score in zip(boxes, scores, strict=True))
        return Detections("bench", given.frame, self._ns(given.frame), "bench", 0.0, faces)

    def _ns(self, frame: int) -> int:
        return NS_PER_S + round(frame * NS_PER_S / self._fps)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main({"flow": Ours})
