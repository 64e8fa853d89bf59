"""Detect wall clock jumps in the timestamps of a camera's frames."""

NS_PER_S = 1_000_000_000
LONGEST_STEP_NS = 6 * NS_PER_S
"""The longest step between frames that is no jump, without a known silence."""
TOLERANCE_NS = 2 * NS_PER_S
"""The tolerated difference between a known silence and the timestamps."""
LIKELY_STEP_NS = NS_PER_S // 10


class FrameClock:
    """The times of one camera's frames."""

    def __init__(self) -> None:
        self._last_ns = 0
        self._step_ns = LIKELY_STEP_NS
        self._silent_ns = 0

    def silent(self, lasted_s: float) -> None:
        """Set the duration of a silence of the camera, by the steady clock."""
        self._silent_ns = int(lasted_s * NS_PER_S)

    def jump_ns(self, captured_ns: int) -> int:
        """Return the clock jump before a frame in ns; 0 for none.

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
