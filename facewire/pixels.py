"""See a frame message as an array, without copying."""

import numpy as np
from numpy.typing import NDArray

from facewire.messages import Frame

Picture = NDArray[np.uint8]
"""(height, width, 3) uint8 BGR 0..255, or (height, width) uint8 gray."""


def picture(frame: Frame) -> Picture:
    """Return a read-only view of the frame's pixels, (height, width, 3) BGR or (height, width) gray."""
    shape = (frame.height, frame.width, 3) if frame.encoding == "bgr24" else (frame.height, frame.width)
    return np.frombuffer(frame.data, dtype=np.uint8).reshape(shape)
