"""Decide which detection is which track: the cheapest assignment, and none beyond the gate."""

from dataclasses import dataclass

import lap
import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, iou, xyxy_to_cxcywh

# Centres farther apart than this many mean face sizes are different faces, however empty the scene.
DISTANCE_GATE = 1.0
SIZE_RATIO_GATE = 2.2
IOU_WEIGHT = 1.0
DISTANCE_WEIGHT = 1.0
SIZE_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of the first and of the second set that belong together, (K,) each."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]


def match(tracks: Boxes, detections: Boxes, unlike: NDArray[np.floating] | None = None) -> Pairs:
    """Pair tracks (N, 4) with detections (M, 4), both `xyxy` of the same frame, at least total cost.

    Args:
        tracks: where faces are believed to be.
        detections: where they were found.
        unlike: (N, M) cost on top for pairs that do not look alike.
    """
    if not len(tracks) or not len(detections):
        return Pairs(np.empty(0, np.intp), np.empty(0, np.intp))
    cost, allowed = _cost(tracks, detections)
    return cheapest(cost if unlike is None else cost + unlike, allowed)


def cheapest(cost: NDArray[np.floating], allowed: NDArray[np.bool_]) -> Pairs:
    """Pair as many rows and columns of (N, M) as allowed, at least total cost, which is not negative."""
    if max(allowed.sum(axis=0).max(initial=0), allowed.sum(axis=1).max(initial=0)) <= 1:
        # As nearly always: nobody is contested.
        return Pairs(*np.nonzero(allowed))
    too_much = float(cost.max()) * (1 + min(cost.shape)) + 1
    # lapx: Jonker-Volgenant; scipy's does the same and costs 50 MB of memory (docs/adr/0003).
    _, columns, _ = lap.lapjv(np.where(allowed, cost, too_much), extend_cost=True)
    rows = np.flatnonzero(columns >= 0)
    rows = rows[allowed[rows, columns[rows]]]
    return Pairs(rows, columns[rows].astype(np.intp))


def _cost(tracks: Boxes, detections: Boxes) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    x, y, width, height = xyxy_to_cxcywh(tracks).T[..., None]
    other_x, other_y, other_width, other_height = xyxy_to_cxcywh(detections).T
    size = (width + height + other_width + other_height) / 4
    distance = np.hypot(x - other_x, y - other_y) / size
    size_ratio = np.abs(np.log(height / other_height))
    cost = IOU_WEIGHT * (1 - iou(tracks, detections)) + DISTANCE_WEIGHT * distance + SIZE_WEIGHT * size_ratio
    return cost, (distance < DISTANCE_GATE) & (size_ratio < np.log(SIZE_RATIO_GATE))
