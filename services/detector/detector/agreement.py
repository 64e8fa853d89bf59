"""Say whether two backends see the same faces in a picture."""

from collections.abc import Sequence

import numpy as np

from facewire.boxes import iou
from facewire.messages import Face

FAINT = 0.3
"""Faces are decoded down to this score, so that one near the threshold does not count as lost."""
SURE = 0.6
"""Only faces of at least this score must be found by both."""
SAME_BOX_IOU = 0.9
"""Float32 against float32 reaches 0.999 and more, half precision 0.97 (tests/integration/test_detector_cross.py)."""
SAME_FACE_IOU = 0.4
"""Networks that were trained on other boxes draw the edge of a face elsewhere."""
LARGE = 0.12
"""Of the picture's height: what every network for faces must find, whatever its input size."""


def disagreement(found: Sequence[Face], right: Sequence[Face]) -> str:
    """Say how faces differ from those that the same network found elsewhere; empty where they do not.

    Args:
        found: faces down to the score `FAINT`.
        right: the same from the reference.
    """
    return _missing(_sure(right), found, SAME_BOX_IOU, "not found") or _missing(
        _sure(found), right, SAME_BOX_IOU, "that should not be"
    )


def disagreement_of_kinds(found: Sequence[Face], right: Sequence[Face], height_px: int) -> str:
    """Say how faces differ from those of another kind of network; empty where both see the same large ones.

    Args:
        found: faces down to the score `FAINT`.
        right: the same from the reference.
        height_px: the picture's.
    """
    return _missing(_large(_sure(right), height_px), found, SAME_FACE_IOU, "not found") or _missing(
        _large(_sure(found), height_px), right, SAME_FACE_IOU, "that should not be"
    )


def least_iou(found: Sequence[Face], right: Sequence[Face]) -> float:
    """Return how well the worst of the sure faces of either side is met by one of the other; 1 where there are none."""
    return min((*_best(_sure(right), found), *_best(_sure(found), right)), default=1.0)


def _sure(faces: Sequence[Face]) -> list[Face]:
    return [face for face in faces if face.score >= SURE]


def _large(faces: Sequence[Face], height_px: int) -> list[Face]:
    return [face for face in faces if face.xyxy[3] - face.xyxy[1] >= LARGE * height_px]


def _missing(wanted: Sequence[Face], among: Sequence[Face], least: float, what: str) -> str:
    best = _best(wanted, among)
    count = sum(overlap < least for overlap in best)
    return f"{count} of {len(wanted)} faces {what} (IoU {min(best):.2f})" if count else ""


def _best(wanted: Sequence[Face], among: Sequence[Face]) -> list[float]:
    if not wanted or not among:
        return [0.0] * len(wanted)
    overlaps = iou(np.array([face.xyxy for face in wanted]), np.array([face.xyxy for face in among]))
    return [float(best) for best in overlaps.max(axis=1)]
