"""Worker: ByteTrack and OC-SORT of roboflow's `trackers`.

They know frames with detections only: they are told the time of each, and in between their own filters say where
the faces that they last saw must be.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import supervision as sv
from trackers import ByteTrackTracker, OCSORTTracker

from benchmarks.tracking.clips import Clip
from benchmarks.tracking.running import Given, Method, Shown, main

SMALLEST_IOU = 0.02
"""Their defaults (0.1 and 0.3) are for detections in every frame; of 0.02, 0.1 and 0.3 this serves both best here."""


class Roboflow:
    """One of their trackers.

    Args:
        tracker: fresh.
        fps: frames a second that it was told.
    """

    looks = False

    def __init__(self, tracker: Any, fps: float) -> None:  # noqa: ANN401  their base class is not public
        self._tracker = tracker
        self._fps = fps
        self._frame = 0
        self._updated = 0

    def prepare(self, frame: int, _: Any) -> None:  # noqa: ANN401  OpenCV's array, or None
        """Take note of the next frame."""
        self._frame = frame

    def step(self, given: Given | None) -> Shown:
        """Follow the faces into the next frame, and take detections when there are any."""
        if given is not None:
            self._updated = self._frame
            found = sv.Detections(xyxy=given.xyxy.astype(np.float32), confidence=given.scores)
            # Time 0 would count as no time at all.
            self._tracker.update(found, timestamp=(self._frame + 1) / self._fps)
        seen = [track for track in self._tracker.tracks if track.tracker_id != -1 and track.time_since_update == 0]
        boxes = np.array([self._box(track.state_estimator) for track in seen], np.float64).reshape(-1, 4)
        return np.array([track.tracker_id for track in seen], np.int64), boxes

    def _box(self, estimator: Any) -> Any:  # noqa: ANN401  their class
        ahead = self._frame - self._updated
        if not ahead:
            return estimator.state_to_bbox()
        kept = estimator.get_state()
        estimator.predict(float(ahead), self._fps)
        box = estimator.state_to_bbox()
        estimator.set_state(kept)
        return box


def method(create: Callable[..., Any]) -> Callable[[Clip], Method]:
    """Return what makes the method for a clip: a face is kept for a second (30 frames at 30 fps) in their own words."""
    common = {"lost_track_buffer": 30, "minimum_consecutive_frames": 1, "minimum_iou_threshold": SMALLEST_IOU}
    return lambda clip: Roboflow(create(frame_rate=clip.fps, **common), clip.fps)


if __name__ == "__main__":
    main({"bytetrack": method(ByteTrackTracker), "ocsort": method(OCSORTTracker)})
