"""Make JPEGs of frames; the only file that loads OpenCV and numpy, and so only once somebody watches."""

import cv2
import numpy as np

from facewire.messages import Frame, Tracks
from facewire.pixels import Picture, picture

QUALITY = 80
# Hues that stay apart for neighbouring ids: steps of the golden angle.
GOLDEN_ANGLE_DEGREES = 137.508
LINE_PX = 2

cv2.setNumThreads(1)


def jpeg(frame: Frame) -> bytes:
    """Return a frame as JPEG."""
    return _encoded(picture(frame))


def jpeg_with_boxes(frame: Frame, tracks: Tracks) -> bytes:
    """Return a frame as JPEG with a box and an ID on each face, for clients that cannot draw."""
    pixels = picture(frame)
    drawn = pixels.copy() if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    for track in tracks.tracks:
        left, top, right, bottom = (round(side) for side in track.xyxy)
        colour = _colour(track.id)
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, LINE_PX, cv2.LINE_AA)
        place = (left, max(14, top - 6))
        cv2.putText(drawn, f"#{track.id}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, LINE_PX, cv2.LINE_AA)
    return _encoded(drawn)


def _encoded(pixels: Picture) -> bytes:
    done, encoded = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    return encoded.tobytes() if done else b""


def _colour(track_id: int) -> tuple[int, int, int]:
    hue = (track_id * GOLDEN_ANGLE_DEGREES) % 360 / 2
    pixel = np.array([[[hue, 170, 255]]], np.uint8)
    blue, green, red = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red
