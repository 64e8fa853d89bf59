"""Black out what nobody shall see, before a picture leaves capture."""

from collections.abc import Sequence

import numpy as np

from capture.opencv import cv2
from facewire.pixels import Picture
from facewire.shapes import Area

# Corners are drawn to a sixteenth of a pixel.
SHIFT = 4
KEPT = 255


class Veil:
    """Covers the masked areas of one camera; what it puts over a picture is made once for each size.

    Args:
        masks: the areas.
    """

    def __init__(self, masks: Sequence[Area]) -> None:
        self._masks = masks
        self._kept: Picture = np.empty((0, 0, 3), np.uint8)

    def cover(self, picture: Picture) -> Picture:
        """Make masked pixels black in a (height, width, 3) uint8 BGR picture itself, and return it."""
        if not self._masks:
            return picture
        if self._kept.shape != picture.shape:
            self._kept = np.repeat(kept_pixels(self._masks, *picture.shape[:2])[..., None], 3, axis=2)
        cv2.bitwise_and(picture, self._kept, dst=picture)
        return picture


def kept_pixels(masks: Sequence[Area], height: int, width: int) -> Picture:
    """Return (height, width) uint8: 0 for every pixel of which a mask covers any part, 255 for the others."""
    hidden = np.zeros((height, width), np.uint8)
    for mask in masks:
        # A pixel's centre is at its half.
        corners = np.array(mask.polygon) * (width, height) - 0.5
        cv2.fillPoly(hidden, [np.rint(corners * 2**SHIFT).astype(np.int32)], KEPT, shift=SHIFT)
    # What is drawn are the pixels whose centres are inside, and the border; those that it only grazes lie beside them.
    return np.asarray(KEPT - cv2.dilate(hidden, np.ones((3, 3), np.uint8)), np.uint8)
