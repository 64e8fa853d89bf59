"""Black out what nobody shall see, before a picture leaves capture."""

from collections.abc import Callable, Sequence

import numpy as np

from capture.opencv import cv2
from facewire.pixels import Picture
from facewire.shapes import Area

# Corners are drawn to a sixteenth of a pixel.
SHIFT = 4
KEPT = 255
# Room around the picture: what OpenCV draws along its edge it would else round out of it.
ROOM_PX = 2


class Veil:
    """Covers the masked areas of one camera; what it puts over a picture is made once for each size.

    Args:
        masks: returns the areas as they are now.
    """

    def __init__(self, masks: Callable[[], Sequence[Area]]) -> None:
        self._masks = masks
        self._kept: Picture = np.empty((0, 0, 3), np.uint8)
        self._kept_by: Sequence[Area] = ()
        self._was_tall: bool | None = None
        self._published_under: Sequence[Area] = ()

    def cover(self, picture: Picture) -> Picture:
        """Make masked pixels black in a (height, width, 3) uint8 BGR picture itself, and return it.

        Masks are shares of the picture. Where it changes between landscape and portrait, the camera may have been
        turned either way or not at all, so what the masks would cover in each case is black.
        """
        masks = self._masks()
        is_tall = picture.shape[0] > picture.shape[1]
        if self._was_tall is None:
            self._was_tall = is_tall
        if not masks:
            self._kept_by = masks
            return picture
        if masks != self._kept_by or self._kept.shape != picture.shape:
            covering = masks if is_tall == self._was_tall else [*masks, *_turned(masks)]
            self._kept = np.repeat(kept_pixels(covering, *picture.shape[:2])[..., None], 3, axis=2)
            self._kept_by = masks
        cv2.bitwise_and(picture, self._kept, dst=picture)
        return picture

    @property
    def bares(self) -> bool:
        """Whether pictures that were published, here or by an earlier run, may show what is to be hidden by now."""
        return _hides_more(self._masks(), self._published_under)

    @property
    def hides_more(self) -> bool:
        """Whether the picture that was covered last hides more than those that were published before it."""
        return _hides_more(self._kept_by, self._published_under)

    def publishing(self) -> None:
        """Note that the picture that was covered last is published, and that none is left which hides less."""
        self._published_under = self._kept_by


def _turned(masks: Sequence[Area]) -> list[Area]:
    """Return where masks are once the picture is turned by a quarter to the right, and to the left."""
    right = [Area(mask.name, tuple((1 - y, x) for x, y in mask.polygon)) for mask in masks]
    left = [Area(mask.name, tuple((y, 1 - x) for x, y in mask.polygon)) for mask in masks]
    return right + left


def _hides_more(now: Sequence[Area], before: Sequence[Area]) -> bool:
    return now is not before and not set(now) <= set(before)


def kept_pixels(masks: Sequence[Area], height: int, width: int) -> Picture:
    """Return (height, width) uint8: 0 for every pixel of which a mask covers any part, 255 for the others."""
    hidden = np.zeros((height + 2 * ROOM_PX, width + 2 * ROOM_PX), np.uint8)
    for mask in masks:
        # A pixel's centre is at its half.
        corners = np.array(mask.polygon) * (width, height) - 0.5 + ROOM_PX
        cv2.fillPoly(hidden, [np.rint(corners * 2**SHIFT).astype(np.int32)], KEPT, shift=SHIFT)
    # What is drawn are the pixels whose centres are inside, and the border; those that it only grazes lie beside them.
    touched = cv2.dilate(hidden, np.ones((3, 3), np.uint8))[ROOM_PX:-ROOM_PX, ROOM_PX:-ROOM_PX]
    return np.asarray(KEPT - touched, np.uint8)
