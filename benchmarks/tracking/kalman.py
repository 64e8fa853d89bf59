"""Worker: a plain constant-velocity Kalman filter for every face, which never looks at a picture."""

from typing import Any

import numpy as np

from benchmarks.tracking.clips import Clip
from benchmarks.tracking.roster import Box, Roster
from benchmarks.tracking.running import main

# In shares of the face's height: how much detections scatter, and how much people change their pace in a second.
MEASURED = 0.05
ACCELERATION_PER_S2 = 20.0
FIRST_SPEED_PER_S = 1.5
GATE = 2.0
"""Of 1, 1.5 and 2 the best here, as are the figures above of several."""


class Kalman:
    """One face: the four sides are filtered alike, so that one 2x2 covariance serves all.

    Args:
        box: where it begins.
        dt_s: from frame to frame.
    """

    def __init__(self, box: Box, dt_s: float) -> None:
        height = box[3] - box[1]
        self._state = np.stack((box, np.zeros(4))).astype(np.float64)
        self._covariance = np.diag(((MEASURED * height) ** 2, (FIRST_SPEED_PER_S * height) ** 2))
        self._step = np.array(((1, dt_s), (0, 1)))
        gain = np.array((dt_s**2 / 2, dt_s))
        self._noise = np.outer(gain, gain) * (ACCELERATION_PER_S2 * height) ** 2
        self._measured = (MEASURED * height) ** 2

    def move(self, _: Any) -> Box:  # noqa: ANN401  OpenCV's array
        """Return where the face should be in the next frame."""
        self._state = self._step @ self._state
        self._covariance = self._step @ self._covariance @ self._step.T + self._noise
        return np.asarray(self._state[0])

    def correct(self, _: Any, box: Box) -> None:  # noqa: ANN401  OpenCV's array
        """Learn where it was detected in this frame."""
        gain = self._covariance[:, 0] / (self._covariance[0, 0] + self._measured)
        self._state = self._state + gain[:, None] * (box - self._state[0])[None]
        self._covariance = self._covariance - np.outer(gain, self._covariance[0])


def make(clip: Clip) -> Roster:
    """Return the method for a clip."""
    return Roster(clip, lambda _, box: Kalman(box, 1 / clip.fps), GATE, looks=False)


if __name__ == "__main__":
    main({"kalman": make})
