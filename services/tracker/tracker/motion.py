"""What the tracker asks of whatever sees motion: optical flow, OpenCV's own trackers, or nothing at all."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, intersection
from facewire.pixels import Picture

# Faces of 40 px and more keep texture at half size, and half size costs a quarter.
HALVE_FROM_WIDTH_PX = 480
# Who is so much larger stands in front; of two alike either may.
CLEARLY_IN_FRONT = 1.1


@dataclass(frozen=True, slots=True)
class View:
    """A picture made ready to look at: (h, w, 3) BGR or (h, w) uint8, its (h, w) gray, and its size in the original's.

    Args:
        colour: what faces are recognized by.
        gray: what motion is measured on.
        scale: of both, relative to the original.
    """

    colour: Picture
    gray: Picture
    scale: float


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces whose motion is wanted.

    Args:
        ids: (N,) who.
        xyxy: (N, 4) where in the earlier picture, px of the original.
        guess: (N, 2) expected shift in px, where a search may begin.
        camera: (2,) how far the background is expected to move, px.
    """

    ids: NDArray[np.int64]
    xyxy: Boxes
    guess: NDArray[np.floating]
    camera: NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Motion:
    """What was seen of N faces.

    Args:
        shift: (N, 2) px.
        zoom: (N,) factor.
        seen: (N,) whether to believe the two.
        camera: (2,) px by which the background moved.
    """

    shift: NDArray[np.float64]
    zoom: NDArray[np.float64]
    seen: NDArray[np.bool_]
    camera: NDArray[np.float64]


class MotionSource(Protocol):
    """Sees how faces move from one picture to the next."""

    sees: bool
    """Whether a face of which no motion is seen for long is likely hidden."""

    def motion(self, before: View, now: View, faces: Faces) -> Motion:
        """Measure how each face and the camera moved between two views of the same size."""
        ...

    def apart(self) -> "MotionSource":
        """Return a source for other faces, which does not disturb what this one remembers."""
        ...


class BlindSource:
    """Sees nothing: the faces move as the Kalman filter alone thinks."""

    sees = False

    def apart(self) -> "BlindSource":
        """Return a source for other faces."""
        return self

    def motion(self, _before: View, _now: View, faces: Faces) -> Motion:
        """Return that nothing was seen."""
        return nothing_seen(len(faces.ids))


def nothing_seen(count: int) -> Motion:
    """Return the motion of faces of which nothing was seen."""
    return Motion(np.zeros((count, 2)), np.ones(count), np.zeros(count, bool), np.zeros(2))


def view(picture: Picture) -> View:
    """Prepare a picture, (H, W, 3) BGR or (H, W) gray uint8."""
    scale = 0.5 if picture.shape[1] >= HALVE_FROM_WIDTH_PX else 1.0
    sized = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale != 1.0 else picture
    gray = cv2.cvtColor(sized, cv2.COLOR_BGR2GRAY) if sized.ndim == 3 else sized
    return View(np.asarray(sized, np.uint8), np.asarray(gray, np.uint8), scale)


def in_front(xyxy: Boxes, reach: Boxes) -> NDArray[np.bool_]:
    """Return who (column) may hide whom (row), (N, N): they overlap, and the row's face is not clearly larger.

    Args:
        xyxy: (N, 4) boxes.
        reach: (N, 4) what each of them may hide.
    """
    hides = np.asarray(intersection(xyxy, reach) > 0)
    np.fill_diagonal(hides, val=False)
    if hides.any():
        heights = xyxy[:, 3] - xyxy[:, 1]
        hides &= heights[:, None] < CLEARLY_IN_FRONT * heights
    return hides
