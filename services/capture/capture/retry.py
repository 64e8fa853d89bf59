"""Decide when a lost camera is asked again."""

from capture.trouble import CameraError

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 15.0
CREDENTIALS_RETRY_S = 300.0
"""Cameras lock an account after five to seven wrong passwords in a row, mostly for half an hour."""


class Retry:
    """How long to wait before a camera is asked again; each failure in a row doubles it."""

    def __init__(self) -> None:
        self._next_s = FIRST_RETRY_S

    def pause_s(self, error: CameraError | None, *, pictures: int, lasted_s: float) -> float:
        """Return how long to wait after an attempt.

        Args:
            error: why it ended.
            pictures: how many it gave. A camera that gave some is asked again at once, though not more often than
                twice a second.
            lasted_s: how long it took.
        """
        if error is not None and error.seldom:
            return CREDENTIALS_RETRY_S
        if pictures:
            self._next_s = FIRST_RETRY_S
            return max(0.0, FIRST_RETRY_S - lasted_s)
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_RETRY_S)
        return pause_s
