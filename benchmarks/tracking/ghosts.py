"""Measure ghosts: shown boxes that overlap no face, however faint, of a dense detection."""

import numpy as np

from benchmarks.tracking.clips import Boxed
from facewire.boxes import iou

OVERLAP_IOU = 0.1
"""A box that only grazes a face is a ghost too."""


def ghost_seconds(shown: Boxed, faces: Boxed, fps: float) -> float:
    """Return the seconds for which boxes without a face are shown, summed over the boxes.

    Args:
        shown: the tracks of a clip.
        faces: all its faces, of any score.
        fps: its frames a second.
    """
    ghosts = 0
    for frame in np.unique(shown.frame).tolist():
        boxes = shown.xyxy[shown.at(frame)]
        overlap = iou(boxes, faces.xyxy[faces.at(frame)]).max(axis=1, initial=0)
        ghosts += int((overlap < OVERLAP_IOU).sum())
    return round(ghosts / fps, 2)
