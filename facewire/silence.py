"""Tell for how long cameras have sent no frame: to the tracker, and in recordings, since a replay has no clock."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import ClassVar

from facewire.sanity import CAMERA_NAME, require

SHORTEST_S = 5.0
"""A camera that sends its next frame within this time is slow, or was tried again; it was not silent."""
LONGEST_S = 7200.0
"""Longer than any tracker waits; then nobody is left who could leave."""
EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Silence:
    """For how long a camera has sent no frame so far. It is on no stream: a recording holds it among the entries."""

    TYPE: ClassVar[str] = "silence"

    camera: str
    lasted_s: float

    def __post_init__(self) -> None:
        require(CAMERA_NAME.fullmatch(self.camera) is not None, "camera is not a short lower-case name")
        require(0 <= self.lasted_s < math.inf, "lasted_s is not a duration")


class Silences:
    """When each camera was heard last.

    Args:
        clock: seconds that only go forward. Those of frames jump, and stand still while there are none.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._heard_s: dict[str, float] = {}
        self._told_s = -math.inf

    def end(self, camera: str) -> list[Silence]:
        """Take in a frame; returns the silence that it ends, if it does."""
        now_s = self._clock()
        lasted_s = now_s - self._heard_s.get(camera, now_s)
        self._heard_s[camera] = now_s
        return [Silence(camera, lasted_s)] if lasted_s >= SHORTEST_S else []

    def lasting(self) -> list[Silence]:
        """Return what lasts, once a second however often it is asked for."""
        now_s = self._clock()
        if now_s - self._told_s < EVERY_S:
            return []
        self._told_s = now_s
        lasted_s = {camera: now_s - at_s for camera, at_s in self._heard_s.items()}
        # Who is forgotten is told of once more: while a reader waits for its bus, nobody asks.
        self._heard_s = {camera: at_s for camera, at_s in self._heard_s.items() if lasted_s[camera] <= LONGEST_S}
        return [Silence(camera, each_s) for camera, each_s in lasted_s.items() if each_s >= SHORTEST_S]
