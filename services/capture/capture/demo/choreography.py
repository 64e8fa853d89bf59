"""Say where everybody is at any moment of the demo clip.

The camera stands on a counter, whose edge is the horizon: who comes nearer grows upwards from it. So a
place is only an x and the height of the face; how high the chin is follows from both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from capture.demo.cast import CAST, Person
from facewire.messages import Xyxy

WIDTH_PX = 640
HEIGHT_PX = 480
HORIZON_PX = 412
CLIP_S = 45
FPS = 30

OFF_LEFT = -230.0
OFF_RIGHT = WIDTH_PX + 230.0
"""Places at which even the largest cut-out is out of sight."""


@dataclass(frozen=True, slots=True)
class Key:
    """Where somebody is at one moment: the face's centre x and its height, in pixels."""

    at_s: float
    x_px: float
    height_px: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person's face is in one frame: centre x, bottom (the chin) and height, in pixels."""

    person: Person
    x_px: float
    chin_px: float
    height_px: float

    def face_box(self) -> Xyxy:
        """Return the face's box, `xyxy` in pixels, as YuNet frames it."""
        _, _, width, height = self.person.face
        half = self.height_px * width / height / 2
        return (self.x_px - half, self.chin_px - self.height_px, self.x_px + half, self.chin_px)


def key(at_s: float, x_px: float, height_px: float) -> Key:
    """Shorten the table below."""
    return Key(at_s, x_px, height_px)


# Who runs past the end of the clip goes on at its start, so that the loop has no seam.
VISITS: tuple[tuple[str, tuple[Key, ...]], ...] = (
    ("olive", (key(39.5, OFF_LEFT, 88), key(43, 235, 96), key(47, 235, 96), key(52.5, OFF_RIGHT, 104))),
    ("tartan", (key(40.5, OFF_RIGHT, 66), key(44, 455, 66), key(46.5, 430, 68), key(50, OFF_LEFT, 74))),
    (
        "crimson",
        (
            key(1, OFF_RIGHT, 70),
            key(4, 470, 70),
            key(5.5, 470, 70),
            key(9, 330, 112),
            key(10.5, 330, 112),
            key(14, OFF_LEFT, 120),
        ),
    ),
    (
        "cream",
        (key(2.5, OFF_LEFT, 58), key(6.5, 170, 58), key(8, 190, 60), key(13, 500, 74), key(16.5, OFF_RIGHT, 84)),
    ),
    ("navy", (key(6.5, OFF_RIGHT, 86), key(9.1, OFF_LEFT, 90))),
    ("navy", (key(10.5, OFF_LEFT, 48), key(14, 190, 50), key(15.5, 190, 50), key(18.5, OFF_LEFT, 54))),
    (
        "tartan",
        (key(8.5, OFF_RIGHT, 80), key(11.5, 540, 80), key(14.5, 400, 84), key(16.5, 400, 84), key(20, OFF_RIGHT, 92)),
    ),
    ("medic", (key(20.5, OFF_LEFT, 118), key(23.7, OFF_RIGHT, 122))),
    (
        "crimson",
        (
            key(22.5, OFF_LEFT, 60),
            key(26, 70, 62),
            key(31, 70, 62),
            key(35, 400, 66),
            key(37, 400, 66),
            key(40.5, OFF_RIGHT, 80),
        ),
    ),
    (
        "cream",
        (
            key(23, OFF_RIGHT, 72),
            key(27, 205, 74),
            key(31, 205, 76),
            key(36, 150, 92),
            key(39.5, OFF_LEFT, 104),
        ),
    ),
    (
        "navy",
        (
            key(23.5, OFF_RIGHT, 46),
            key(28, 320, 46),
            key(31, 320, 47),
            key(35.5, 200, 54),
            key(41, OFF_LEFT, 60),
        ),
    ),
    ("tartan", (key(24.5, OFF_RIGHT, 84), key(28, 430, 86), key(33, 430, 86), key(37.5, OFF_RIGHT, 92))),
    ("medic", (key(26.5, OFF_RIGHT, 96), key(29, 575, 98), key(32, 575, 98), key(36.5, OFF_LEFT, 108))),
)
STEP_PX = 46.0
"""Walked way, in heights of a face of 100 px, from one nod of the head to the next."""


def places(at_s: float) -> list[Place]:
    """Return everybody's place at a moment of the clip, from far to near."""
    found = [
        _place(name, keys, moment_s)
        for name, keys in VISITS
        for moment_s in (at_s, at_s + CLIP_S)
        if keys[0].at_s <= moment_s < keys[-1].at_s
    ]
    return sorted(found, key=lambda place: place.height_px)


def _place(name: str, keys: Sequence[Key], at_s: float) -> Place:
    person = next(person for person in CAST if person.name == name)
    times = [key.at_s for key in keys]
    x_px = interpolate(times, [key.x_px for key in keys], at_s)
    height_px = interpolate(times, [key.height_px for key in keys], at_s)
    nod = 0.02 * height_px * math.sin(2 * math.pi * x_px * 100 / (height_px * STEP_PX))
    return Place(person, x_px, HORIZON_PX - (person.shown_heights - 0.06) * height_px + nod, height_px)


def interpolate(times: Sequence[float], values: Sequence[float], at: float) -> float:
    """Return a smooth curve's value: through every point, at rest where two neighbours are equal, no overshoot.

    It is the monotone cubic of Fritsch and Butland (1984) with uniform weights.
    """
    i = max(index for index in range(len(times) - 1) if times[index] <= at)
    span = times[i + 1] - times[i]
    share = (at - times[i]) / span
    slopes = [(values[j + 1] - values[j]) / (times[j + 1] - times[j]) for j in range(len(times) - 1)]
    start, end = _tangent(slopes, i), _tangent(slopes, i + 1)
    rest = 1 - share
    return (
        values[i] * rest * rest * (1 + 2 * share)
        + values[i + 1] * share * share * (3 - 2 * share)
        + span * share * rest * (start * rest - end * share)
    )


def _tangent(slopes: Sequence[float], i: int) -> float:
    if i in (0, len(slopes)):
        return slopes[min(i, len(slopes) - 1)]
    before, after = slopes[i - 1], slopes[i]
    return 2 * before * after / (before + after) if before * after > 0 else 0.0
