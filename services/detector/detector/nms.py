"""Keep the best of boxes that show the same face (greedy non-maximum suppression)."""

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, iou


def keep_best(xyxy: Boxes, scores: NDArray[np.floating], iou_threshold: float) -> NDArray[np.intp]:
    """Return the indices of the kept boxes, best score first.

    Args:
        xyxy: (N, 4) boxes.
        scores: (N,) scores.
        iou_threshold: a box that overlaps a better kept one by more than this is dropped.
    """
    order = np.argsort(-scores, kind="stable")
    overlaps = iou(xyxy[order], xyxy[order]) > iou_threshold
    kept = np.ones(len(order), bool)
    for rank in range(len(order)):
        if kept[rank]:
            kept[rank + 1 :] &= ~overlaps[rank, rank + 1 :]
    return order[kept]
