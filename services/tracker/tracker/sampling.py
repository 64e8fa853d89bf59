"""Look at single pixels of a picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facewire.pixels import Picture


def pixels_at(picture: Picture, places: NDArray[np.float64]) -> Picture:
    """Return the pixels that places lie in, or else the nearest of the picture's border.

    Args:
        picture: (H, W, 3) or (H, W).
        places: (2, N, P) x and y, px.

    Returns:
        (N, P, 3) or (N, P).
    """
    if not places.size:
        return np.empty((*places.shape[1:], *picture.shape[2:]), np.uint8)
    # Rounded down first: OpenCV rounds to the nearest middle, half a pixel off. An index of arrays takes twice as long.
    column, row = np.floor(places).astype(np.float32)
    found = cv2.remap(picture, column, row, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.uint8)
