"""Compute the age of an event, although the wall clock may have been set."""

import math

from facewire.clock import AHEAD_S

NS_PER_S = 1_000_000_000


def age_s(at_ns: int, now_ns: int) -> float:
    """Return the age of an event in seconds.

    Args:
        at_ns: the event's time, by the wall clock of then.
        now_ns: the wall clock now.

    Returns:
        0 or more. Infinite where the event lies ahead: the clock was set back since, and its age is unknown.
    """
    age = (now_ns - at_ns) / NS_PER_S
    return math.inf if age < -AHEAD_S else max(0.0, age)
