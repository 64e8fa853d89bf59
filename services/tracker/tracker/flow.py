"""See how faces and the camera moved between two pictures: sparse Lucas-Kanade, all points in one go.

Bouguet, "Pyramidal implementation of the Lucas Kanade feature tracker" (2001); points are trusted
where tracking there and back ends where it began (Kalal et al., "Forward-Backward Error", ICPR 2010).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes
from facewire.pixels import Picture
from tracker.motion import Faces, Motion, View, in_front

GRID = 4
# Background creeps in at a box's rim; the inner 70 % is face.
INNER_SHARE = 0.7
THERE_AND_BACK_PX = 1.0
# Two thirds of a face: less may be what hides it.
FEWEST_POINTS = 11
# Where so many agree, nothing is learned from tracking back.
UNDOUBTED_POINTS = 15
# A face's points move together, within so many px or this share of its height.
RIGID_PX, RIGID_SHARE = 0.75, 0.02
ZOOM_LIMIT = 0.05
# Measured: smaller and larger windows, more levels and more iterations cost more or find less.
WINDOW = (9, 9)
LEVELS = 2
CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 6, 0.03)

_STEPS = (np.arange(GRID) + 0.5) / GRID - 0.5
UNIT_GRID = np.stack(np.meshgrid(_STEPS, _STEPS), axis=-1).reshape(-1, 2).astype(np.float32)

# Background points, in shares of the picture: the rim moves most when a camera turns.
_COLUMNS, _ROWS = (np.arange(6) + 0.5) / 6, (np.arange(4) + 0.5) / 4
BACKGROUND = np.stack(np.meshgrid(_COLUMNS, _ROWS), axis=-1).reshape(-1, 2).astype(np.float32)
FEWEST_BACKGROUND = 6
# So many of the background's points must agree, within this, before the camera is said to have moved.
AGREEMENT = 0.6
AGREED_PX = 1.5
# Less than this a frame is noise, and would add up.
CAMERA_RESTS_PX = 0.15
# A head is wider than its face's box, by this share on each side.
AROUND = 0.3
# A face's shoulders and chest move with it.
BODY_HEIGHTS = 2.0

Points = NDArray[np.float32]
Mask = NDArray[np.bool_]


class FlowSource:
    """Measures motion with optical flow; keeps nothing from frame to frame."""

    sees = True

    def apart(self) -> "FlowSource":
        """Return a source for other faces."""
        return self

    def motion(self, before: View, now: View, faces: Faces) -> Motion:
        """Measure how each face and the camera moved from one view to the next."""
        xyxy, count = faces.xyxy * before.scale, len(faces.ids) * GRID * GRID
        points = _on_faces(xyxy)
        floor, open_floor = _on_floor(xyxy, before.gray)
        guessed = points + (faces.guess[:, None] * before.scale).astype(np.float32)
        begin = np.concatenate((points.reshape(-1, 2), floor))
        search = np.concatenate((guessed.reshape(-1, 2), floor + (faces.camera * before.scale).astype(np.float32)))
        found, there = _track(before.gray, now.gray, begin, search)
        camera = _camera(found[count:] - floor, there[count:] & open_floor)
        found, good = found[:count].reshape(points.shape), there[:count].reshape(points.shape[:2])
        good &= _unhidden(points, xyxy)
        rigid = _rigid(points, found, good, xyxy)
        doubtful = rigid.sum(axis=1) < UNDOUBTED_POINTS
        if doubtful.any():
            some = points[doubtful], found[doubtful]
            rigid[doubtful] = _rigid(*some, good[doubtful] & _confirmed(before, now, *some), xyxy[doubtful])
        shift = _median((found - points).astype(np.float64), rigid) / before.scale
        return Motion(shift, _zoom(points, found, rigid), rigid.sum(axis=1) >= FEWEST_POINTS, camera / before.scale)


def _on_faces(xyxy: Boxes) -> Points:
    """Return a grid on each face, (N, P, 2)."""
    sides = xyxy[:, None, 2:] - xyxy[:, None, :2]
    centres = (xyxy[:, None, 2:] + xyxy[:, None, :2]) / 2
    return np.asarray(centres + INNER_SHARE * sides * UNIT_GRID, np.float32)


def _on_floor(xyxy: Boxes, gray: Picture) -> tuple[Points, Mask]:
    """Return background points (B, 2), and which of them no person covers (B,)."""
    points = BACKGROUND * np.array(gray.shape[::-1], np.float32)
    sides = xyxy[:, 2:] - xyxy[:, :2]
    low, high = xyxy[:, :2] - sides / 2, xyxy[:, 2:] + sides * (0.5, BODY_HEIGHTS)
    inside: Mask = np.asarray(((points[:, None] > low) & (points[:, None] < high)).all(axis=2))
    return points, np.asarray(~inside.any(axis=1))


def _confirmed(before: View, now: View, points: Points, found: Points) -> Mask:
    """Return which points (N, P) are found again on the way back."""
    back, here = _track(now.gray, before.gray, found.reshape(-1, 2), points.reshape(-1, 2))
    error = np.abs(back.reshape(points.shape) - points).max(axis=2, initial=0)
    return np.asarray(here.reshape(points.shape[:2]) & (error < THERE_AND_BACK_PX * before.scale))


def _unhidden(points: Points, xyxy: Boxes) -> Mask:
    """Return which points (N, P) lie on their own face, and not on one that may be in front of it."""
    rivals = in_front(xyxy, AROUND)
    if not rivals.any():
        return np.ones(points.shape[:2], bool)
    here, around = points[:, None], AROUND * (xyxy[:, 2:] - xyxy[:, :2])
    low, high = xyxy[:, :2] - around, xyxy[:, 2:] + around
    inside = ((here > low[None, :, None]) & (here < high[None, :, None])).all(axis=3)
    return np.asarray(~(inside & rivals[..., None]).any(axis=1))


def _track(first: Picture, second: Picture, points: Points, guess: Points) -> tuple[Points, Mask]:
    """Follow points (K, 2) from one picture to another; returns where they went, and which were found (K,)."""
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        points,
        guess.copy(),
        winSize=WINDOW,
        maxLevel=LEVELS,
        criteria=CRITERIA,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    where = np.asarray(found, np.float32)
    return where, np.asarray(status[:, 0] == 1) & np.isfinite(where).all(axis=1)


def _camera(moved: Points, good: Mask) -> NDArray[np.float64]:
    """Return how far the background moved, (2,); nothing where its points disagree."""
    if good.sum() < FEWEST_BACKGROUND:
        return np.zeros(2)
    moved = moved[good]
    ordered = np.sort(moved, axis=0)
    agreeing = np.abs(moved - (ordered[(len(moved) - 1) // 2] + ordered[len(moved) // 2]) / 2).max(axis=1) < AGREED_PX
    if agreeing.mean() < AGREEMENT:
        return np.zeros(2)
    shift = moved[agreeing].mean(axis=0, dtype=np.float64)
    return np.asarray(shift if np.abs(shift).max() > CAMERA_RESTS_PX else np.zeros(2))


def _rigid(points: Points, found: Points, good: Mask, xyxy: Boxes) -> Mask:
    """Return which good points (N, P) moved as most of their face did: what hides a part of it moves otherwise."""
    moved = (found - points).astype(np.float64)
    limit = np.maximum(RIGID_PX, RIGID_SHARE * (xyxy[:, 3] - xyxy[:, 1]))
    return np.asarray(good & (np.abs(moved - _median(moved, good)[:, None]).max(axis=2, initial=0) < limit[:, None]))


def _median(values: NDArray[np.float64], good: Mask) -> NDArray[np.float64]:
    """Return the median over the good points of each face: (N, P, K) and (N, P) to (N, K); 0 where none is good."""
    count = good.sum(axis=1)
    ordered = np.sort(np.where(good[..., None], values, np.inf), axis=1)
    rows = np.arange(len(values))
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    middle = (ordered[rows, low] + ordered[rows, np.minimum(high, values.shape[1] - 1)]) / 2
    return np.where((count > 0)[:, None], middle, 0.0)


def _zoom(points: Points, found: Points, good: Mask) -> NDArray[np.float64]:
    """Return by what factor each face grew: by how much its points are farther from their centre, all together."""
    count = good.sum(axis=1)
    both = np.stack((points, found)) * good[..., None]
    middle = both.sum(axis=2, keepdims=True) / np.maximum(count, 1)[:, None, None]
    before, after = np.square((both - middle) * good[..., None]).sum(axis=(2, 3))
    factor = np.sqrt(after / np.maximum(before, 1e-6)).astype(np.float64)
    return np.clip(np.where(count >= FEWEST_POINTS, factor, 1.0), 1 - ZOOM_LIMIT, 1 + ZOOM_LIMIT)
