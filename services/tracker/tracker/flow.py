"""See how faces moved between two pictures: sparse Lucas-Kanade on a small grid of points per face.

Bouguet, "Pyramidal implementation of the Lucas Kanade feature tracker" (2001); points are trusted
where tracking there and back ends where it began (Kalal et al., "Forward-Backward Error", ICPR 2010).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes
from facewire.pixels import Picture

GRID = 4
# Background creeps in at a box's rim; the inner 60 % is face.
INNER_SHARE = 0.6
THERE_AND_BACK_PX = 1.0
FEWEST_POINTS = 4
ZOOM_LIMIT = 0.05
# Faces of 40 px and more keep texture at half size, and half size costs a quarter.
HALVE_FROM_WIDTH_PX = 480
WINDOW = (13, 13)
LEVELS = 3
CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)

_STEPS = (np.arange(GRID) + 0.5) / GRID - 0.5
UNIT_GRID = np.stack(np.meshgrid(_STEPS, _STEPS), axis=-1).reshape(-1, 2).astype(np.float32)


@dataclass(frozen=True, slots=True)
class View:
    """A picture made ready for flow: (h, w) uint8 gray, and its size relative to the original."""

    gray: Picture
    scale: float


@dataclass(frozen=True, slots=True)
class Motion:
    """What flow saw of N faces: shift (N, 2) px, zoom (N,) factor, and whether to believe it (N,)."""

    shift: NDArray[np.float64]
    zoom: NDArray[np.float64]
    seen: NDArray[np.bool_]


def view(picture: Picture) -> View:
    """Prepare a picture, (H, W, 3) BGR or (H, W) gray uint8."""
    scale = 0.5 if picture.shape[1] >= HALVE_FROM_WIDTH_PX else 1.0
    sized = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale != 1.0 else picture
    gray = cv2.cvtColor(sized, cv2.COLOR_BGR2GRAY) if sized.ndim == 3 else sized
    return View(np.asarray(gray, np.uint8), scale)


def motion(before: View, now: View, xyxy: Boxes, guess: NDArray[np.floating]) -> Motion:
    """Measure how each face moved from one view to the next.

    Args:
        before: the earlier view.
        now: the later view, of the same size.
        xyxy: (N, 4) boxes in pixels of the earlier original picture.
        guess: (N, 2) expected shift in px, where the search begins.
    """
    sides = xyxy[:, None, 2:] - xyxy[:, None, :2]
    centres = (xyxy[:, None, 2:] + xyxy[:, None, :2]) / 2
    points = ((centres + INNER_SHARE * sides * UNIT_GRID) * before.scale).astype(np.float32)
    guessed = (points + guess[:, None] * before.scale).astype(np.float32)
    found, there = _track(before.gray, now.gray, points, guessed)
    back, here = _track(now.gray, before.gray, found, points)
    error = np.linalg.norm(back - points, axis=2)
    good = there & here & (error < THERE_AND_BACK_PX * before.scale)
    seen = good.sum(axis=1) >= FEWEST_POINTS
    moved = _median((found - points).astype(np.float64), good)
    return Motion(moved / before.scale, _zoom(points, found, good), seen)


def _track(
    first: Picture, second: Picture, points: NDArray[np.float32], guess: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Follow points (N, P, 2) from one picture to another; returns where they went, and which were found (N, P)."""
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        points.reshape(-1, 1, 2),
        guess.reshape(-1, 1, 2).copy(),
        winSize=WINDOW,
        maxLevel=LEVELS,
        criteria=CRITERIA,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    found = np.asarray(found, np.float32).reshape(points.shape)
    return found, (status.reshape(points.shape[:2]) == 1) & np.isfinite(found).all(axis=2)


def _median(values: NDArray[np.float64], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the median over the good points of each face: (N, P, K) and (N, P) to (N, K); 0 where none is good."""
    count = good.sum(axis=1)
    ordered = np.sort(np.where(good[..., None], values, np.inf), axis=1)
    rows = np.arange(len(values))
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    middle = (ordered[rows, low] + ordered[rows, np.minimum(high, values.shape[1] - 1)]) / 2
    return np.where((count > 0)[:, None], middle, 0.0)


def _zoom(points: NDArray[np.float32], found: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return by what factor each face grew: the median ratio of distances from its points' centre."""
    weight = good[..., None] / np.maximum(good.sum(axis=1), 1)[:, None, None]
    spread = [np.linalg.norm(place - (place * weight).sum(axis=1, keepdims=True), axis=2) for place in (points, found)]
    ratio = (spread[1] / np.maximum(spread[0], 1e-3)).astype(np.float64)[..., None]
    factor = _median(ratio, good)[:, 0]
    return np.clip(np.where(good.sum(axis=1) >= FEWEST_POINTS, factor, 1.0), 1 - ZOOM_LIMIT, 1 + ZOOM_LIMIT)
