"""Decide how often a camera's frames should be detected in: often while something is uncertain, else seldom.

Pure functions of what is computed anyway. The detector has the last word: it knows its host (docs/architecture.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot

import numpy as np

from facewire.boxes import iou
from facewire.messages import EVERY_LIMIT, Frame, Track, Tracks, Why, Wish
from facewire.pixels import picture
from tracker.novelty import Novelty, weight

NS_PER_S = 1_000_000_000
NEW_WEIGHT = 2
OVERLAP_IOU = 0.05
# Who does not count after so many frames is faint, and watched like everybody.
URGENT_FRAMES = 30
# Face heights a second.
MOVING, FAST = 0.5, 2.0
EVERY_OF_MOVING, EVERY_OF_FAST = 5, 3
# A face must be looked for at least twice before it ends as unseen, with time for the detector to answer.
SHARE_OF_COAST = 0.4
# After the last reason to look often, and then for each doubling of the interval.
HOLD_S = 1.0
# A wish is said again after this long; the detector forgets one that is three times as old.
REPEAT_S = 1.0
LIKELY_STEP_S, LONGEST_STEP_S = 1 / 30, 1.0
STEP_MEMORY = 0.9


@dataclass(frozen=True, slots=True)
class Signals:
    """What one frame says about certainty.

    Args:
        newness: new cells away from faces (`novelty.weight`).
        unconfirmed: new faces that were detected too seldom to count.
        lost: faces that the last detection missed.
        overlapping: whether two faces overlap.
        blind: faces that flow could not follow.
        fastest: the highest speed of a face, in its own heights a second.
    """

    newness: int = 0
    unconfirmed: int = 0
    lost: int = 0
    overlapping: bool = False
    blind: int = 0
    fastest: float = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Frames per detection, why, and since when it has been so (or was last asked for)."""

    every: int
    why: Why
    at_ns: int


def decide(signals: Signals) -> tuple[int, Why]:
    """Return how many frames per detection a frame's signals ask for, and the most urgent reason."""
    reasons: list[tuple[bool, int, Why]] = [
        (signals.unconfirmed > 0, 1, "unconfirmed face"),
        (signals.newness >= NEW_WEIGHT, 2, "new motion"),
        (signals.lost > 0, 2, "lost face"),
        (signals.overlapping, 2, "faces overlap"),
        (signals.blind > 0, 3, "blind flow"),
        (signals.fastest > FAST, EVERY_OF_FAST, "moving face"),
        (signals.fastest > MOVING, EVERY_OF_MOVING, "moving face"),
    ]
    return next(((every, why) for holds, every, why in reasons if holds), (EVERY_LIMIT, "nothing new"))


def settle(pace: Pace, every: int, why: Why, now_ns: int) -> Pace:
    """Return the pace that follows from what a frame asks for: faster at once, slower only step by step.

    Args:
        pace: the one so far.
        every: the frames per detection that are asked for now.
        why: the reason for that.
        now_ns: when the frame was taken.
    """
    backwards = now_ns < pace.at_ns
    if every <= pace.every or backwards:
        return Pace(every, why, now_ns)
    # Every single frame is detected in only as long as it must.
    if pace.every > 1 and now_ns - pace.at_ns < HOLD_S * NS_PER_S:
        return pace
    return Pace(every, why, now_ns) if every <= 2 * pace.every else Pace(2 * pace.every, pace.why, now_ns)


def most(coast_s: float, step_s: float) -> int:
    """Return the most frames per detection that still keep a face, `step_s` seconds a frame."""
    # Rounded: at the frame rates there are this is a whole number, and must not swing with their jitter.
    return min(EVERY_LIMIT, max(1, round(SHARE_OF_COAST * coast_s / step_s)))


def signals_of(tracks: Sequence[Track], newness: int, blind: int) -> Signals:
    """Gather what a frame's tracks say."""
    boxes = np.array([track.xyxy for track in tracks], np.float64).reshape(-1, 4)
    shared = (iou(boxes, boxes) > OVERLAP_IOU).sum() > len(boxes) if len(boxes) > 1 else False
    speeds = [hypot(*track.velocity) / (track.xyxy[3] - track.xyxy[1]) for track in tracks]
    states = [track.state for track in tracks]
    return Signals(
        newness=newness,
        unconfirmed=sum(track.state == "tentative" and track.age_frames < URGENT_FRAMES for track in tracks),
        lost=states.count("coasting"),
        overlapping=bool(shared),
        blind=blind,
        fastest=max(speeds, default=0.0),
    )


class Attention:
    """How closely one camera is watched.

    Args:
        coast_s: how long a face is followed unseen.
    """

    def __init__(self, coast_s: float) -> None:
        self._coast_s = coast_s
        self._novelty = Novelty()
        self._pace = Pace(1, "nothing new", 0)
        self._step_s = LIKELY_STEP_S
        self._before_ns = 0
        self._said: Wish | None = None

    def watch(self, frame: Frame, tracks: Tracks, blind: int) -> Wish | None:
        """Take in a frame with its tracks; returns what is wished, when that is new or was last said a second ago."""
        new = self._novelty.look(picture(frame), frame.captured_ns)
        newness = weight(new, [track.xyxy for track in tracks.tracks], frame.width, frame.height) if new.any() else 0
        self._count_step(frame.captured_ns)
        every, why = decide(signals_of(tracks.tracks, newness, blind))
        at_most = most(self._coast_s, self._step_s) if tracks.tracks else EVERY_LIMIT
        self._pace = settle(self._pace, min(every, at_most), why, frame.captured_ns)
        return self._say(Wish(frame.camera, frame.seq, frame.captured_ns, self._pace.every, at_most, self._pace.why))

    def _count_step(self, captured_ns: int) -> None:
        step_s, self._before_ns = (captured_ns - self._before_ns) / NS_PER_S, captured_ns
        if 0 < step_s <= LONGEST_STEP_S:
            self._step_s = STEP_MEMORY * self._step_s + (1 - STEP_MEMORY) * step_s

    def _say(self, wish: Wish) -> Wish | None:
        said = self._said
        same = said is not None and replace(said, seq=wish.seq, captured_ns=wish.captured_ns) == wish
        if said is not None and same and 0 <= wish.captured_ns - said.captured_ns < REPEAT_S * NS_PER_S:
            return None
        self._said = wish
        return wish
