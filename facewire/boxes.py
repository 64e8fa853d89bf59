"""Convert and compare face boxes; every change of box format happens here.

A box is `xyxy`: left, top, right, bottom in float pixels of the original frame.
"""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating]
"""(N, 4) floating, `xyxy` pixels, right > left and bottom > top."""

# Few boxes are changed often: one product takes a third of the time of sums and their joining, and is as exact.
_CORNERS = np.array(((1.0, 0, 1, 0), (0, 1, 0, 1), (-0.5, 0, 0.5, 0), (0, -0.5, 0, 0.5)))
_CENTRE_AND_SIZE = np.array(((0.5, 0, -1, 0), (0, 0.5, 0, -1), (0.5, 0, 1, 0), (0, 0.5, 0, 1)))


def xyxy_to_cxcywh(xyxy: Boxes) -> Boxes:
    """Turn corner boxes (N, 4) into centre-and-size boxes (N, 4): cx, cy, width, height."""
    return np.asarray(xyxy @ _CENTRE_AND_SIZE)


def cxcywh_to_xyxy(cxcywh: Boxes) -> Boxes:
    """Turn centre-and-size boxes (N, 4) into corner boxes (N, 4)."""
    return np.asarray(cxcywh @ _CORNERS)


def points_at(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return what boxes (N, 4) are multiplied by to get points in each, (N, 2 P): x, y, x, y, ...

    Args:
        shares: (P, 2) of a box's width and height, from its left and top.
    """
    points = np.zeros((4, len(shares), 2))
    points[0, :, 0], points[1, :, 1] = (1 - shares).T
    points[2, :, 0], points[3, :, 1] = shares.T
    return points.reshape(4, -1)


def area(xyxy: Boxes) -> NDArray[np.floating]:
    """Return the area of each box, (N,) square pixels; a box turned inside out has none."""
    sides = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def intersection(first: Boxes, second: Boxes) -> NDArray[np.floating]:
    """Return the shared area of every pair, (N, M) square pixels, for (N, 4) and (M, 4) boxes."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(bottom_right - top_left, 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def iou(first: Boxes, second: Boxes) -> NDArray[np.floating]:
    """Return intersection over union of every pair, (N, M) in 0..1, for (N, 4) and (M, 4) boxes."""
    shared = intersection(first, second)
    union = area(first)[:, None] + area(second)[None, :] - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float64).tiny))
