"""Decide when a file's next frame is due, and which frames of a fast source are taken."""

import math
from collections.abc import Callable

HOPELESS_S = 1.0
LONGEST_GAP_S = 3.0
"""A longer pause between two frames is played as this one, so that a file is never taken for a lost camera."""
USUAL_FPS = 25.0
HIGHEST_FPS = 120.0
"""More than that is what containers claim that do not know (1000, 90000)."""


class Timeline:
    """Turns the time stamps of a file's frames into the moments at which they are due, in seconds from its start.

    Stamps that are missing, stand still, or jump back or far ahead are replaced by steps of the usual length.

    Args:
        fps: the frames a second that the file claims.
    """

    def __init__(self, fps: float) -> None:
        # A NaN fails the comparison too.
        self._usual_s = 1 / (fps if 1 <= fps <= HIGHEST_FPS else USUAL_FPS)
        self.step_s = self._usual_s
        """The time between the last two frames."""
        self._at_s: float | None = None
        self._anchor_s = self._anchor_ms = self._last_ms = 0.0

    def at_s(self, stamp_ms: float) -> float:
        """Return when the next frame is due; it never goes back."""
        if self._at_s is None:
            return self._anchored(0.0, stamp_ms)
        usual_s, known_ms = self._at_s + self._usual_s, self._last_ms
        if not math.isfinite(stamp_ms) or stamp_ms == known_ms:
            return self._next(usual_s)
        self._last_ms = stamp_ms
        due_s = self._anchor_s + (stamp_ms - self._anchor_ms) / 1000
        if stamp_ms < known_ms:
            return self._anchored(usual_s, stamp_ms)
        if due_s - self._at_s > LONGEST_GAP_S:
            return self._anchored(self._at_s + LONGEST_GAP_S, stamp_ms)
        return self._next(max(self._at_s, due_s))

    def restart(self) -> None:
        """Let the file begin again: its first frame is due one step after the last."""
        if self._at_s is not None:
            # Its stamp, whatever it is, is taken for a jump.
            self._usual_s, self._last_ms = min(self.step_s or self._usual_s, LONGEST_GAP_S), math.inf

    def _anchored(self, at_s: float, stamp_ms: float) -> float:
        known_ms = stamp_ms if math.isfinite(stamp_ms) else 0.0
        self._anchor_s, self._anchor_ms, self._last_ms = at_s, known_ms, known_ms
        return self._next(at_s)

    def _next(self, at_s: float) -> float:
        if self._at_s is not None:
            self.step_s = at_s - self._at_s
        self._at_s = at_s
        return at_s


class Pace:
    """Plays a file in real time: a frame is due so many seconds after the first, however late others were.

    Args:
        clock: seconds that only go forward.
        sleep: waits for some seconds.
    """

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._start_s: float | None = None

    def wait(self, at_s: float) -> None:
        """Sleep until the frame of this moment is due; the first one always is."""
        now_s = self._clock()
        if self._start_s is None:
            self._start_s = now_s - at_s
        ahead_s = self._start_s + at_s - now_s
        if ahead_s > 0:
            self._sleep(ahead_s)

    def is_late(self, at_s: float, step_s: float) -> bool:
        """Say whether to leave the frame of this moment out, because the one after it is due by now.

        After a pause of more than a second (the machine slept) the file goes on from where it was instead.

        Args:
            at_s: when the frame was due.
            step_s: how long it would have been shown.
        """
        if self._start_s is None:
            return False
        late_s = self._clock() - self._start_s - at_s
        if late_s > HOPELESS_S:
            self._start_s += late_s
            return False
        return late_s >= max(step_s, 1e-3)


class Limiter:
    """Lets frames through up to a rate, spread evenly; a rate a little above the limit's is not torn.

    Args:
        fps: the most frames a second.
    """

    def __init__(self, fps: float) -> None:
        self._step_s = 1 / fps
        # Cameras jitter: a little early still counts as in time.
        self._slack_s = 0.45 * self._step_s
        self._next_s: float | None = None

    def due(self, at_s: float) -> bool:
        """Say whether to take the frame of this moment."""
        planned_s = at_s if self._next_s is None else self._next_s
        if at_s < planned_s - self._slack_s:
            return False
        self._next_s = max(planned_s, at_s - self._slack_s) + self._step_s
        return True
