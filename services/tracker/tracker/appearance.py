"""Tell people apart by what they look like, without a network: colours of hair, face and clothes, part by part.

Swain and Ballard, "Color Indexing" (IJCV 1991), on a few cells as in pedestrian re-identification; compared as
Bhattacharyya does: a descriptor is the square root of a distribution, so that a dot product of two is 1 for equals.
"""

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes
from facewire.pixels import Picture
from tracker.sampling import pixels_at

Looks = NDArray[np.float32]
"""(N, D), each of length 1; all 0 where there is nothing to see."""


class Describer(Protocol):
    """Turns faces into vectors; the nearer two are, the likelier they are one person. A recognizer's may come here."""

    def describe(self, picture: Picture, xyxy: Boxes) -> Looks:
        """Return a descriptor, (N, D) of length 1, of each face (N, 4) in a (H, W, 3) BGR or (H, W) gray picture."""
        ...


# Parts, in widths and heights of the face's box from its upper left corner: left, top, right, bottom.
PARTS = np.array(
    (
        (0.05, -0.25, 0.95, 0.15),
        (0.10, 0.15, 0.90, 0.55),
        (0.10, 0.55, 0.90, 1.00),
        (-0.2, 1.15, 1.20, 1.60),
        (-0.2, 1.60, 1.20, 2.10),
    ),
    np.float32,
)
SAMPLES = 10
HUES, SATURATIONS, VALUES = 12, 2, 6
BINS = HUES * SATURATIONS + VALUES
# A gray pixel's hue is noise.
FAINT = 24

_STEPS = (np.arange(SAMPLES, dtype=np.float32) + 0.5) / SAMPLES
_WITHIN = np.stack(np.meshgrid(_STEPS, _STEPS), axis=-1).reshape(1, -1, 2)
# (2, 1, parts * samples) places in a unit box, x and y; not contiguous, all that follows would be slow.
_PLACES = (PARTS[:, None, :2] + (PARTS[:, None, 2:] - PARTS[:, None, :2]) * _WITHIN).reshape(-1, 2)
PLACES = np.ascontiguousarray(_PLACES.T)[:, None]
# Of each of 256 levels: which bin is a hue's first, which a brightness has, and for how much a saturation counts.
_LEVELS = np.arange(256)
HUE_BIN = _LEVELS * HUES // 180 * SATURATIONS
VALUE_BIN = HUES * SATURATIONS + _LEVELS * VALUES // 256
COLOURED = np.minimum(_LEVELS / FAINT / 4, 1.0)


class ColourParts:
    """Histograms of hue and saturation, and of brightness, on five parts of head and chest."""

    def describe(self, picture: Picture, xyxy: Boxes) -> Looks:
        """Return a descriptor of each face."""
        count, parts = len(xyxy), len(PARTS)
        if not count:
            return np.empty((0, parts * BINS), np.float32)
        pixels, inside = _sampled(picture, xyxy)
        hue, saturation, value = cv2.cvtColor(pixels, cv2.COLOR_BGR2HSV).reshape(-1, 3).T
        part = np.repeat(np.arange(count * parts) * BINS, SAMPLES * SAMPLES)
        size = count * parts * BINS
        found = np.bincount(part + HUE_BIN[hue] + (saturation >= 96), COLOURED[saturation] * inside, size)
        found += np.bincount(part + VALUE_BIN[value], inside, size)
        cells = found.reshape(count, parts, BINS)
        total = cells.sum(axis=2, keepdims=True)
        looks = np.sqrt(cells / np.maximum(total, 1)).reshape(count, -1)
        length = np.linalg.norm(looks, axis=1, keepdims=True)
        return np.asarray(looks / np.maximum(length, 1e-9), np.float32)


def _sampled(picture: Picture, xyxy: Boxes) -> tuple[Picture, NDArray[np.float64]]:
    """Return the pixels of all parts, (N, P, 3), and which of them lie inside the picture, (N * P,) 0 or 1."""
    low, high = xyxy.T[:2, :, None], xyxy.T[2:, :, None]
    at = low + (high - low) * PLACES
    inside = ((at >= 0) & (at < np.array(picture.shape[1::-1]).reshape(2, 1, 1))).all(axis=0)
    pixels = pixels_at(picture, at)
    pixels = np.repeat(pixels[..., None], 3, axis=2) if picture.ndim == 2 else pixels
    return pixels, inside.reshape(-1).astype(np.float64)
