"""A small JPEG of a face for the history and for Home Assistant."""

import cv2
import numpy as np

from facewire.messages import Xyxy
from facewire.pixels import Picture

MARGIN = 0.4
LONGEST_SIDE_PX = 192
QUALITY = 85


def snapshot(picture: Picture, xyxy: Xyxy) -> bytes | None:
    """Return the face with some of its surroundings as JPEG; None if it lies outside the picture.

    Args:
        picture: (H, W, 3) uint8 BGR or (H, W) uint8 gray.
        xyxy: the face's box.
    """
    box = np.array(xyxy)
    margin = MARGIN * (box[2:] - box[:2])
    limits = np.array(picture.shape[1::-1])
    left, top = np.clip(box[:2] - margin, 0, limits).astype(int)
    right, bottom = np.clip(box[2:] + margin, 0, limits).astype(int)
    crop = picture[top:bottom, left:right]
    if not crop.size:
        return None
    shrink = min(1.0, LONGEST_SIDE_PX / max(crop.shape[:2]))
    if shrink < 1:
        crop = np.asarray(cv2.resize(crop, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    done, encoded = cv2.imencode(".jpg", crop, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    return encoded.tobytes() if done else None
