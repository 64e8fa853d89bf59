"""Notice that the clock of a camera's frames was set, and by how much: durations go on as if it had not been."""

NS_PER_S = 1_000_000_000
LONGEST_STEP_NS = 6 * NS_PER_S
"""A longer step from frame to frame is a clock that was set, unless the camera is known to have been silent."""
TOLERANCE_NS = 2 * NS_PER_S
"""By so much a known silence and the frames' own times may differ."""
LIKELY_STEP_NS = NS_PER_S // 10


class FrameClock:
    """The times of one camera's frames."""

    def __init__(self) -> None:
        self._last_ns = 0
        self._step_ns = LIKELY_STEP_NS
        self._silent_ns = 0

    def silent(self, lasted_s: float) -> None:
        """Take in for how long the camera has sent no frame, by a clock that is not set."""
        self._silent_ns = int(lasted_s * NS_PER_S)

    def jump_ns(self, captured_ns: int) -> int:
        """Return by how much the clock was set before a frame was taken; 0 if it was not.

        Args:
            captured_ns: when the frame was taken; each frame once, in their order.
        """
        last_ns, self._last_ns = self._last_ns, captured_ns
        silent_ns, self._silent_ns = self._silent_ns, 0
        if not last_ns:
            return 0
        step_ns = captured_ns - last_ns
        if silent_ns:
            return 0 if abs(step_ns - silent_ns) <= TOLERANCE_NS else step_ns - silent_ns
        if 0 <= step_ns <= LONGEST_STEP_NS:
            self._step_ns = step_ns
            return 0
        return step_ns - self._step_ns
