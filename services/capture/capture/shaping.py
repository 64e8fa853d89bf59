"""Fit pictures to the size that the stack works with."""

import numpy as np

from capture.opencv import cv2
from facewire.pixels import Picture

TALL, WIDE = 1.25, 1.9
"""Height by width, and width by height, from which on the usual 320x256 misses faces.

Measured with YuNet on the demo clip laid into other shapes: of 66 faces 62 in 1:1 and 16:9, 55 in 3:4 and 2:1,
42 in 9:16, 26 in 32:9; all 66 in tall ones at 480x640, 63 in 32:9 at 640x192; 1 and 0 sideways and upside down.
"""


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


def advice(width_px: int, height_px: int) -> str:
    """Return what to do about a picture in whose shape faces are missed; empty where there is nothing.

    The detector fits it into a shape of its own, so that a face in a very tall or wide picture gets few pixels.
    """
    if not width_px or not height_px:
        return ""
    shape = f"({width_px}x{height_px})"
    if height_px > TALL * width_px:
        return (
            f"is tall {shape}: faces may be missed. If the camera lies on its side, turn the picture in the camera; "
            "else choose a landscape stream there, or set DETECTOR_INPUT=480x640, which takes four times the work"
        )
    if width_px > WIDE * height_px:
        return (
            f"is very wide {shape}: faces may be missed. Choose a stream of 16:9 or of one lens in the camera, or set "
            "DETECTOR_INPUT=640x192, which takes half as much work again"
        )
    return ""


def _even(side_px: float) -> int:
    return max(2, int(side_px) // 2 * 2)
