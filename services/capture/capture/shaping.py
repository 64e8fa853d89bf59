"""Fit pictures to the size that the stack works with."""

import numpy as np

from capture.opencv import cv2
from facewire.pixels import Picture


def fitted_size(width_px: int, height_px: int, limit_px: int) -> tuple[int, int]:
    """Return the width and height of a picture made no wider than the limit: even sides, the same shape."""
    scale = min(1.0, limit_px / width_px)
    return _even(width_px * scale), _even(height_px * scale)


def fitted(picture: Picture, limit_px: int) -> Picture:
    """Return a (height, width, 3) uint8 BGR picture, no wider than the limit and with even sides."""
    height, width = picture.shape[:2]
    size = fitted_size(width, height, limit_px)
    if size == (width, height):
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _even(side_px: float) -> int:
    return max(2, int(side_px) // 2 * 2)
