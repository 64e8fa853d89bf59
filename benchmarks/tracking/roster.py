"""Keep a tracker of its own for every face, as one does with OpenCV's: detections start, correct and end them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.tracking.clips import Boxes, Clip
from benchmarks.tracking.running import Given, Shown

BIRTH_SCORE = 0.55
CONFIRM_HITS = 1
KEEP_S = 1.0
Box = NDArray[np.float64]
"""(4,) `xyxy`."""


class Carrier(Protocol):
    """Whatever follows one face."""

    def move(self, picture: Any) -> Box | None:  # noqa: ANN401  OpenCV's array
        """Return where the face is in the next frame, None where it is not found."""
        ...

    def correct(self, picture: Any, box: Box) -> None:  # noqa: ANN401  OpenCV's array
        """Learn where it was detected in this frame."""
        ...


@dataclass(slots=True)
class Entry:
    """A face: its id, detections, the frame of the last one, where it is, and whether its carrier still finds it."""

    ident: int
    hits: int
    seen: int
    box: Box
    carrier: Carrier
    found: bool = True


class Roster:
    """A method made of carriers.

    Args:
        clip: whose faces are followed.
        start: makes a carrier for a face at a box.
        gate: centres farther apart than this many mean sizes are different faces.
        looks: whether carriers want pictures.
    """

    def __init__(self, clip: Clip, start: Callable[[Any, Box], Carrier], gate: float, *, looks: bool) -> None:
        self.looks = looks
        self._gate = gate
        self._start = start
        self._keep_frames = round(KEEP_S * clip.fps)
        self._entries: list[Entry] = []
        self._given_ids = 0
        self._frame = 0
        self._picture: Any = None

    def prepare(self, frame: int, picture: Any) -> None:  # noqa: ANN401  OpenCV's array, or None
        """Take note of the next frame."""
        self._frame, self._picture = frame, picture

    def step(self, given: Given | None) -> Shown:
        """Follow the faces into the next frame, and take detections when there are any."""
        for entry in self._entries:
            box = entry.carrier.move(self._picture)
            entry.found = box is not None
            entry.box = entry.box if box is None else box
        if given is not None:
            self._correct(given)
        self._entries = [each for each in self._entries if self._frame - each.seen <= self._keep_frames]
        shown = [each for each in self._entries if each.found and each.hits >= CONFIRM_HITS]
        boxes = np.array([each.box for each in shown], np.float64).reshape(-1, 4)
        return np.array([each.ident for each in shown], np.int64), boxes

    def _correct(self, given: Given) -> None:
        boxes = np.array([each.box for each in self._entries], np.float64).reshape(-1, 4)
        taken = set()
        for row, column in pairs(boxes, given.xyxy, self._gate):
            entry = self._entries[row]
            entry.carrier.correct(self._picture, given.xyxy[column])
            entry.box, entry.found = given.xyxy[column], True
            entry.hits, entry.seen = entry.hits + 1, self._frame
            taken.add(column)
        for column in np.flatnonzero(given.scores >= BIRTH_SCORE).tolist():
            if column not in taken:
                self._given_ids += 1
                box = given.xyxy[column]
                self._entries.append(Entry(self._given_ids, 1, self._frame, box, self._start(self._picture, box)))


def pairs(first: Boxes, second: Boxes, gate: float) -> list[tuple[int, int]]:
    """Pair boxes (N, 4) and (M, 4) by distance and size, the best pair first, none beyond the gate."""
    if not len(first) or not len(second):
        return []
    size = ((first[:, None, 2:] - first[:, None, :2]) + (second[None, :, 2:] - second[None, :, :2])).mean(axis=2) / 2
    middles = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (first, second)]
    distance = np.linalg.norm(middles[0][:, None] - middles[1][None], axis=2) / size
    heights = [boxes[:, 3] - boxes[:, 1] for boxes in (first, second)]
    cost = distance + np.abs(np.log(heights[0][:, None] / heights[1][None]))
    cost[distance > gate] = np.inf
    found = []
    while np.isfinite(cost).any():
        row, column = divmod(int(cost.argmin()), cost.shape[1])
        found.append((row, column))
        cost[row], cost[:, column] = np.inf, np.inf
    return found
