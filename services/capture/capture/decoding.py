"""Decode pictures that came as files: JPEG, PNG, WebP and what else OpenCV reads."""

import numpy as np

from capture.opencv import cv2
from facewire.pixels import Picture


def decoded(image: bytes) -> Picture | None:
    """Return a (height, width, 3) uint8 BGR picture, upright by its metadata; None where it is broken or too big."""
    try:
        picture = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        # More pixels than OPENCV_IO_MAX_IMAGE_PIXELS, or a structure that makes no sense.
        return None
    return None if picture is None else np.asarray(picture, np.uint8)
