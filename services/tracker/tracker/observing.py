"""Understand what a detector found: which of it makes sense, and what the faces look like."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewire.boxes import Boxes, area, intersection
from facewire.messages import Detections
from facewire.metrics import Metrics
from tracker.appearance import Describer, Looks
from tracker.motion import View
from tracker.recalling import Patches, patches

# A face with more of it behind another is not looked at.
CLEAN_SHARE = 0.9
# Nor one whose hair and shoulders are not all in the picture: so many widths to each side of the face.
SHOULDERS = 0.2
# What is narrower or lower is no face of any picture, nor what is so many times as wide or high as it.
LEAST_SIDE_PX, MOST_PICTURES = 1.0, 2.0


@dataclass(frozen=True, slots=True)
class Observed:
    """The faces of one frame.

    Args:
        xyxy: boxes (M, 4).
        scores: (M,).
        looks: (M, D).
        clean: which are seen whole and alone, (M,).
        patches: what is searched for when they are lost, (M, ...).
    """

    xyxy: Boxes
    scores: NDArray[np.float64]
    looks: Looks
    clean: NDArray[np.bool_]
    patches: Patches


def observe(detections: Detections, seen: View, describer: Describer, metrics: Metrics) -> Observed:
    """Keep the boxes that make sense, count the others, and describe the faces.

    Args:
        detections: what was found.
        seen: the frame that it was found in.
        describer: says what faces look like.
        metrics: counts boxes that lie outside the frame or are none.
    """
    xyxy = np.array([face.xyxy for face in detections.faces], np.float64).reshape(-1, 4)
    scores = np.array([face.score for face in detections.faces], np.float64)
    frame = np.array(((0.0, 0.0, *seen.gray.shape[::-1]),)) / seen.scale
    with np.errstate(invalid="ignore"):
        sane = np.isfinite(xyxy).all(axis=1) & np.isfinite(scores)
        sides = xyxy[:, 2:] - xyxy[:, :2]
        sane &= ((sides >= LEAST_SIDE_PX) & (sides <= MOST_PICTURES * frame[:, 2:])).all(axis=1)
        within = sane & (intersection(xyxy, frame)[:, 0] > 0)
    if not within.all():
        metrics.dropped("senseless_box", int((~sane).sum()))
        metrics.dropped("box_off_frame", int((sane & ~within).sum()))
        xyxy, scores = xyxy[within], scores[within]
    looks = describer.describe(seen.colour, xyxy * seen.scale)
    alone = _alone(xyxy)
    cut = patches(seen, xyxy) * alone[:, None, None].astype(np.uint8)
    return Observed(xyxy, scores, looks, _clean(xyxy, alone, frame[0, 2]), cut)


def _alone(xyxy: Boxes) -> NDArray[np.bool_]:
    """Return who is not behind another, (M,)."""
    covered = intersection(xyxy, xyxy)
    np.fill_diagonal(covered, 0)
    return np.asarray(covered.max(axis=1, initial=0) < (1 - CLEAN_SHARE) * area(xyxy))


def _clean(xyxy: Boxes, alone: NDArray[np.bool_], width_px: float) -> NDArray[np.bool_]:
    """Return who is seen whole and alone, (M,)."""
    shoulders = SHOULDERS * (xyxy[:, 2] - xyxy[:, 0])
    return np.asarray(alone & (xyxy[:, 0] >= shoulders) & (xyxy[:, 2] <= width_px - shoulders))
