"""Decide when a file's next frame is due, and which frames of a fast source are taken."""

from collections.abc import Callable

HOPELESS_S = 1.0


class Pace:
    """Plays a file in real time: frame `i` is due `i / fps` seconds after the first, however late others were.

    Args:
        fps: the file's frames a second.
        clock: seconds that only go forward.
        sleep: waits for some seconds.
    """

    def __init__(self, fps: float, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._fps = fps
        self._clock = clock
        self._sleep = sleep
        self._start_s: float | None = None

    def wait(self, index: int) -> None:
        """Sleep until the frame is due; the first one always is."""
        now_s = self._clock()
        if self._start_s is None:
            self._start_s = now_s - index / self._fps
        ahead_s = self._start_s + index / self._fps - now_s
        if ahead_s > 0:
            self._sleep(ahead_s)

    def late(self, index: int) -> int:
        """Return how many frames to leave out, from this one on, because their time is over.

        After a pause of more than a second (the machine slept) the file goes on from where it was instead.
        """
        if self._start_s is None:
            return 0
        late_s = self._clock() - self._start_s - index / self._fps
        if late_s > HOPELESS_S:
            self._start_s += late_s
            return 0
        return max(0, int(late_s * self._fps))


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
