"""Notice what is new in a camera's picture: cells of a coarse grid that do not look as they usually do."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facewire.messages import Xyxy
from facewire.pixels import Picture

Cells = NDArray[np.bool_]
"""(ROWS, COLUMNS)."""

COLUMNS, ROWS = 40, 30
# Of a cell's pixels, four in each direction are looked at: enough to average a sensor's noise away.
SAMPLES = 4
GREEN = 1
# Grey levels of 255. How much a cell stirs by itself (noise, leaves, a television) is added three times.
NEW_FROM = 10.0
STIRS_WEIGHT = 3.0
# Seconds until what stays has become usual, and until what stirs all the time has.
USUAL_AFTER_S = 1.0
STIRS_AFTER_S = 5.0
LONGEST_STEP_S = 2.0
NS_PER_S = 1_000_000_000
# Shares of a face's width and height: a head's movement, and the body below it, are not somebody new.
BESIDE, ABOVE, BELOW = 1.0, 0.5, 3.0


class Novelty:
    """What one camera's picture usually looks like."""

    def __init__(self) -> None:
        self._usual: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._stirs: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._at_ns = 0

    def look(self, picture: Picture, captured_ns: int) -> Cells:
        """Return the cells that are new in a picture, and take it in.

        Args:
            picture: (H, W, 3) uint8 BGR or (H, W) uint8 gray.
            captured_ns: when it was taken.
        """
        now = _coarse(picture)
        step_s, self._at_ns = (captured_ns - self._at_ns) / NS_PER_S, captured_ns
        if not self._usual.size or not 0 < step_s <= LONGEST_STEP_S:
            self._usual, self._stirs = now, np.zeros_like(now)
            return np.zeros(now.shape, np.bool_)
        change = now - self._usual
        self._usual += np.float32(1 - np.exp(-step_s / USUAL_AFTER_S)) * change
        # A lamp or the camera's exposure changes all cells alike.
        strength = np.abs(change - np.median(change))
        new: Cells = strength > NEW_FROM + STIRS_WEIGHT * self._stirs
        self._stirs += np.float32(1 - np.exp(-step_s / STIRS_AFTER_S)) * (strength - self._stirs)
        return new


def weight(new: Cells, faces: Sequence[Xyxy], width: int, height: int) -> int:
    """Count the new cells away from known faces; at the picture's border, where people enter, each counts twice.

    Args:
        new: the cells that are new.
        faces: boxes of the faces that are followed, in pixels of the picture.
        width: the picture's width in pixels.
        height: the picture's height in pixels.
    """
    unknown = new.copy()
    for left, top, right, bottom in faces:
        beside, tall = BESIDE * (right - left), bottom - top
        columns = _span(left - beside, right + beside, COLUMNS / width)
        rows = _span(top - ABOVE * tall, bottom + BELOW * tall, ROWS / height)
        unknown[rows, columns] = False
    return int(np.count_nonzero(unknown)) + int(np.count_nonzero(unknown)) - int(np.count_nonzero(unknown[1:-1, 1:-1]))


def _span(first_px: float, last_px: float, cells_per_px: float) -> slice:
    return slice(max(0, int(first_px * cells_per_px)), max(0, int(last_px * cells_per_px) + 1))


def _coarse(picture: Picture) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    step_y, step_x = max(1, height // (ROWS * SAMPLES)), max(1, width // (COLUMNS * SAMPLES))
    # Green alone: as good as gray here, without touching the other two thirds.
    sampled = picture[::step_y, ::step_x, GREEN] if picture.ndim == 3 else picture[::step_y, ::step_x]
    small = cv2.resize(np.ascontiguousarray(sampled), (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)
