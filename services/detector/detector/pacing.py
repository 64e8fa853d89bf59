"""Decide how many frames there are to a detection: what the tracker wishes, within what this host bears.

Pure functions; `cadence` feeds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal, get_args

from facewire.messages import Why, Wish

Limit = Literal["hot", "busy host", "slow inference"]
Reason = Why | Limit | Literal["as set", "no tracker", "switched off"]
LIMITS: tuple[Limit, ...] = get_args(Limit)

# Without a tracker that says what it wants; and how often to see whether detection is switched on again.
USUAL = 5
TOP_LEVEL = 4
# What is spent on detection in all, of one processor's time.
SHARE_OF_TIME = 0.5
# A limit by inference time falls only when the need has clearly fallen.
CLEARLY_LESS = 0.7


@dataclass(frozen=True, slots=True)
class Decision:
    """Frames per detection, and why."""

    every: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Band:
    """From where on a limit rises, below what it falls, and from where on it is at its top at once."""

    rise: float
    fall: float
    top: float


def throttle(level: int, value: float | None, band: Band) -> int:
    """Return the next level, 0 for no limit: a step up or down, or none between the two marks; None is no reading."""
    if value is None:
        return 0
    if value >= band.top:
        return TOP_LEVEL
    if value >= band.rise:
        return min(level + 1, TOP_LEVEL)
    return max(level - 1, 0) if value < band.fall else level


def floor_of(level: int) -> int:
    """Return the least frames per detection at a level: each doubles them."""
    return 1 << level


def floor_of_inference(floor: int, spent_ms: float, frame_ms: float, cameras: int) -> int:
    """Return the least frames per detection with which detection takes no more than its share of time.

    Args:
        floor: the one so far.
        spent_ms: how long one detection takes.
        frame_ms: from one frame of the camera to the next.
        cameras: how many share the detector.
    """
    need = cameras * spent_ms / (SHARE_OF_TIME * frame_ms)
    return max(1, ceil(need)) if need > floor or need < CLEARLY_LESS * (floor - 1) else floor


def decide(wish: Wish | None, floors: Mapping[Limit, int], most: int) -> Decision:
    """Return what holds for a camera.

    Args:
        wish: the tracker's last; None if it is silent.
        floors: the least frames per detection that each limit allows.
        most: the most that the operator allows.
    """
    decision = Decision(wish.every, wish.why) if wish else Decision(USUAL, "no tracker")
    for limit in LIMITS:
        if floors.get(limit, 1) > decision.every:
            decision = Decision(floors[limit], limit)
    # A face that is not looked for in time is lost: that would cost more than it spares.
    return Decision(max(1, min(decision.every, most, wish.at_most if wish else most)), decision.reason)
