"""Worker: OpenCV's KCF or CSRT for every face, begun anew on each of its detections, as the reference article does."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from benchmarks.tracking.clips import Clip
from benchmarks.tracking.roster import Box, Roster
from benchmarks.tracking.running import Method, main

SMALLEST_SIDE_PX = 8
GATE = 1.0


class Correlating:
    """One face.

    Args:
        create: makes OpenCV's tracker.
        picture: the frame in which it begins.
        box: where.
    """

    def __init__(self, create: Callable[[], Any], picture: Any, box: Box) -> None:  # noqa: ANN401  OpenCV's
        self._create = create
        self.correct(picture, box)

    def move(self, picture: Any) -> Box | None:  # noqa: ANN401  OpenCV's array
        """Return where the face is in the next frame, None where it is not found."""
        found, rectangle = self._tracker.update(picture)
        if not found:
            return None
        left, top, width, height = rectangle
        return np.array((left, top, left + width, top + height), np.float64)

    def correct(self, picture: Any, box: Box) -> None:  # noqa: ANN401  OpenCV's array
        """Learn where it was detected in this frame."""
        limits = np.array(picture.shape[1::-1])
        first = np.clip(np.rint(box[:2]), 0, limits - SMALLEST_SIDE_PX).astype(int)
        last = np.clip(np.rint(box[2:]), first + SMALLEST_SIDE_PX, limits).astype(int)
        self._tracker = self._create()
        self._tracker.init(picture, (*first.tolist(), *(last - first).tolist()))


def method(create: Callable[[], Any]) -> Callable[[Clip], Method]:
    """Return what makes the method for a clip."""
    return lambda clip: Roster(clip, lambda picture, box: Correlating(create, picture, box), GATE, looks=True)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    contrib: Any = cv2
    main({"kcf": method(contrib.TrackerKCF.create), "csrt": method(contrib.TrackerCSRT.create)})
