"""Make JPEGs of frames, with or without boxes; the only file that loads OpenCV, and so only once somebody watches."""

import cv2
import numpy as np

from facewire.messages import Tracks
from facewire.pixels import Picture

QUALITY = 80
# Hues that stay apart for neighbouring ids: steps of the golden angle.
GOLDEN_ANGLE_DEGREES = 137.508
LINE_PX = 2

cv2.setNumThreads(1)


def jpeg(picture: Picture) -> bytes:
    """Encode a picture, (H, W, 3) uint8 BGR or (H, W) uint8 gray."""
    done, encoded = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    return encoded.tobytes() if done else b""


def with_boxes(picture: Picture, tracks: Tracks) -> Picture:
    """Return a copy of a picture with a box and an ID on each face, for clients that cannot draw."""
    drawn = picture.copy() if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    for track in tracks.tracks:
        left, top, right, bottom = (round(side) for side in track.xyxy)
        colour = _colour(track.id)
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, LINE_PX, cv2.LINE_AA)
        place = (left, max(14, top - 6))
        cv2.putText(drawn, f"#{track.id}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, LINE_PX, cv2.LINE_AA)
    return drawn


def _colour(track_id: int) -> tuple[int, int, int]:
    hue = (track_id * GOLDEN_ANGLE_DEGREES) % 360 / 2
    pixel = np.array([[[hue, 170, 255]]], np.uint8)
    blue, green, red = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red
