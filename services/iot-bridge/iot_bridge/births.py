"""Answer Home Assistant's birth messages: a burst of them once."""

import random
from collections.abc import Callable
from threading import Lock

QUIET_S = 1.0
"""A burst is over when none came for so long."""
LONGEST_S = 10.0
JITTER_S = 1.0
"""Many bridges shall not answer at the same moment."""


class Births:
    """The birth messages that were not answered yet.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._first_s = self._last_s = float("inf")
        self._jitter_s = 0.0

    def hear(self) -> None:
        """Take in a birth message; from any thread."""
        now_s = self._clock()
        with self._lock:
            if self._first_s > now_s:
                self._first_s, self._jitter_s = now_s, random.uniform(0, JITTER_S)  # noqa: S311  no secret
            self._last_s = now_s

    def due(self) -> bool:
        """Say whether to answer now; then all that came are answered."""
        with self._lock:
            now_s = self._clock()
            if now_s < min(self._last_s + QUIET_S + self._jitter_s, self._first_s + LONGEST_S):
                return False
            self._first_s = self._last_s = float("inf")
            return True
