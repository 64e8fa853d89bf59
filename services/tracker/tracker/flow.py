"""See how faces and the camera moved between two pictures: sparse Lucas-Kanade, all points in one go.

Bouguet, "Pyramidal implementation of the Lucas Kanade feature tracker" (2001); points are trusted
where tracking there and back ends where it began (Kalal et al., "Forward-Backward Error", ICPR 2010).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, points_at
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
ON_FACE = points_at(0.5 + INNER_SHARE * np.stack(np.meshgrid(_STEPS, _STEPS), axis=-1).reshape(-1, 2))

# Background points, in shares of the picture: the rim moves most when a camera turns.
_COLUMNS, _ROWS = (np.arange(6) + 0.5) / 6, (np.arange(4) + 0.5) / 4
BACKGROUND = np.stack(np.meshgrid(_COLUMNS, _ROWS), axis=-1).reshape(-1, 2).astype(np.float32)
FEWEST_BACKGROUND = 6
# So many of the background's points must agree, within this, before the camera is said to have moved.
AGREEMENT = 0.6
AGREED_PX = 1.5
# Less than this a frame is noise, and would add up.
CAMERA_RESTS_PX = 0.15
# A head is wider than its face's box, and shoulders and chest move with it.
HEAD = points_at(np.array(((-0.3, -0.3), (1.3, 1.3))))
PERSON = points_at(np.array(((-0.5, -0.5), (1.5, 3.0))))

Points = NDArray[np.float32]
Moved = NDArray[np.float64]
"""(N, P, 2) by how much each point of each face moved, px of the view."""
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
        points = (xyxy @ ON_FACE).reshape(-1, GRID * GRID, 2).astype(np.float32)
        floor, open_floor = _on_floor(xyxy, before.gray)
        guessed = points + (faces.guess[:, None] * before.scale).astype(np.float32)
        begin = np.concatenate((points.reshape(-1, 2), floor))
        search = np.concatenate((guessed.reshape(-1, 2), floor + (faces.camera * before.scale).astype(np.float32)))
        found, there = _track(before.gray, now.gray, begin, search)
        moved = (found - begin).astype(np.float64)
        camera = _camera(moved[count:], there[count:] & open_floor)
        moved, good = moved[:count].reshape(points.shape), there[:count].reshape(points.shape[:2])
        good &= _unhidden(points, xyxy)
        limit = np.maximum(RIGID_PX, RIGID_SHARE * (xyxy[:, 3:] - xyxy[:, 1:2]))
        rigid = _rigid(moved, good, limit)
        doubtful = rigid.sum(axis=1) < UNDOUBTED_POINTS
        if doubtful.any():
            good = good[doubtful] & _confirmed(before, now, points[doubtful], moved[doubtful])
            rigid[doubtful] = _rigid(moved[doubtful], good, limit[doubtful])
        agreed = rigid.sum(axis=1)
        shift, zoom = _median(moved, rigid, agreed) / before.scale, _zoom(points, moved, rigid, agreed)
        return Motion(shift, zoom, agreed >= FEWEST_POINTS, camera / before.scale)


def _on_floor(xyxy: Boxes, gray: Picture) -> tuple[Points, Mask]:
    """Return background points (B, 2), and which of them no person covers (B,)."""
    points = BACKGROUND * np.array(gray.shape[::-1], np.float32)
    return points, np.asarray(~_inside(points, xyxy @ PERSON).any(axis=0))


def _confirmed(before: View, now: View, points: Points, moved: Moved) -> Mask:
    """Return which points (N, P) are found again on the way back."""
    found = (points + moved).astype(np.float32)
    back, here = _track(now.gray, before.gray, found.reshape(-1, 2), points.reshape(-1, 2))
    error = np.abs(back.reshape(points.shape) - points).max(axis=2, initial=0)
    return np.asarray(here.reshape(points.shape[:2]) & (error < THERE_AND_BACK_PX * before.scale))


def _unhidden(points: Points, xyxy: Boxes) -> Mask:
    """Return which points (N, P) lie on their own face, and not on one that may be in front of it."""
    heads = xyxy @ HEAD
    rivals = in_front(xyxy, heads)
    if not rivals.any():
        return np.ones(points.shape[:2], bool)
    return np.asarray(~(_inside(points[:, None], heads) & rivals[..., None]).any(axis=1))


def _inside(points: Points, boxes: Boxes) -> Mask:
    """Return which points (..., P, 2) lie in which of the boxes (N, 4), (..., N, P)."""
    inside = (points > boxes[:, None, :2]) & (points < boxes[:, None, 2:])
    # Of two, `all` takes four times as long.
    return np.asarray(inside[..., 0] & inside[..., 1])


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
        # Eigenvalues are there anyway; the errors that would be returned instead are a twelfth of the time.
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW | cv2.OPTFLOW_LK_GET_MIN_EIGENVALS,
    )
    where = np.asarray(found, np.float32)
    return where, np.asarray(status[:, 0] == 1) & np.isfinite(where[:, 0] + where[:, 1])


def _camera(moved: Moved, good: Mask) -> NDArray[np.float64]:
    """Return how far the background moved, (2,), of its points (B, 2); nothing where they disagree."""
    moved = moved[good]
    if len(moved) < FEWEST_BACKGROUND:
        return np.zeros(2)
    ordered = np.sort(moved, axis=0)
    off = np.abs(moved - (ordered[(len(moved) - 1) // 2] + ordered[len(moved) // 2]) / 2)
    agreeing = moved[np.maximum(off[:, 0], off[:, 1]) < AGREED_PX]
    if len(agreeing) < AGREEMENT * len(moved):
        return np.zeros(2)
    shift = agreeing.sum(axis=0) / len(agreeing)
    return np.asarray(shift if np.abs(shift).max() > CAMERA_RESTS_PX else np.zeros(2))


def _rigid(moved: Moved, good: Mask, limit: NDArray[np.floating]) -> Mask:
    """Return which good points (N, P) moved as most of their face did, within `limit` (N, 1) px."""
    off = np.abs(moved - _median(moved, good, good.sum(axis=1))[:, None])
    return np.asarray(good & (np.maximum(off[..., 0], off[..., 1]) < limit))


def _median(moved: Moved, good: Mask, count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the median over the good points of each face, `count` (N,) of them, (N, 2); 0 where none is good."""
    ordered = np.sort(np.where(good[..., None], moved, np.inf), axis=1)
    rows = np.arange(len(moved))
    middle = (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2
    return np.where((count > 0)[:, None], middle, 0.0)


def _zoom(points: Points, moved: Moved, good: Mask, count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return by what factor each face grew: by how much its points are farther from their centre, all together."""
    share: NDArray[np.float64] = (good / np.maximum(count, 1)[:, None])[:, None]
    both: NDArray[np.float64] = np.concatenate((points, points + moved), axis=2)
    spread = np.square(both - share @ both)
    before, after = np.maximum((share @ spread).reshape(-1, 2, 2).sum(axis=2), 1e-6).T
    factor = np.where(count >= FEWEST_POINTS, np.sqrt(after / before), 1.0)
    return factor.clip(1 - ZOOM_LIMIT, 1 + ZOOM_LIMIT)
