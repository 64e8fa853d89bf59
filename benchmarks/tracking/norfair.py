"""Worker: norfair-enough, told how many frames lie between detections, as its documentation has it."""

from typing import Any

import numpy as np
from norfair import Detection, Tracker
from norfair.filter import OptimizedKalmanFilterFactory

from benchmarks.tracking.clips import Clip
from benchmarks.tracking.running import Given, Shown, main

# The best here of IoU and 40, 60 and 90 px, and of the default (4) and this.
LARGEST_DISTANCE_PX = 90
MEASUREMENT_NOISE = 1.0


class Norfair:
    """Norfair's tracker with boxes as two points.

    Args:
        clip: whose faces are followed.
    """

    looks = False

    def __init__(self, clip: Clip) -> None:
        self._every = clip.every
        # A hit is worth two periods, and a frame costs one: a second without any. Shown at once, as everybody here.
        self._tracker = Tracker(
            "euclidean",
            LARGEST_DISTANCE_PX,
            hit_counter_max=round(clip.fps),
            initialization_delay=0,
            filter_factory=OptimizedKalmanFilterFactory(R=MEASUREMENT_NOISE),
        )

    def prepare(self, frame: int, picture: Any) -> None:  # noqa: ANN401  OpenCV's array, or None
        """Do nothing."""

    def step(self, given: Given | None) -> Shown:
        """Follow the faces into the next frame, and take detections when there are any."""
        if given is None:
            found = self._tracker.update()
        else:
            pairs = zip(given.xyxy, given.scores, strict=True)
            found = self._tracker.update(
                [Detection(box.reshape(2, 2), np.array((score, score))) for box, score in pairs], period=self._every
            )
        boxes = np.array([each.estimate.ravel() for each in found], np.float64).reshape(-1, 4)
        return np.array([each.id for each in found], np.int64), boxes


if __name__ == "__main__":
    main({"norfair": Norfair})
