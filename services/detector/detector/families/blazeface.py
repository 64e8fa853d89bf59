"""Decode BlazeFace's tensors into faces.

BlazeFace (Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019) gives, for
each anchor, a logit, and a box and six points in pixels of the input relative to the anchor. Anchors and formulas are
those of MediaPipe's SsdAnchorsCalculator and TensorsToDetectionsCalculator with the options of its face detection
graphs; overlapping answers are averaged, as section 3.4 of the paper has it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.families import Family
from detector.geometry import InputSize, Letterbox, Tensor
from detector.nms import keep_best
from facewire.boxes import iou
from facewire.messages import FACES_LIMIT, Face

Variant = Literal["front", "back", "full"]

SIDES_PX: dict[Variant, int] = {"front": 128, "back": 256, "full": 192}
"""Each variant's input is square."""

ANCHORS: dict[Variant, tuple[tuple[int, int], ...]] = {
    "front": ((8, 2), (16, 6)),
    "back": ((16, 2), (32, 6)),
    "full": ((4, 1),),
}
"""Stride of each grid in px, and how many anchors share the centre of each of its cells."""

# float32 has no exp() of more; MediaPipe cuts logits off at 100, where scores are as much 0 and 1.
LOGIT_LIMIT = 80.0
BLENDING_IOU = 0.3

RIGHT_EYE, LEFT_EYE, NOSE, MOUTH = range(4)
"""The first of the six points, which then has the ears."""
MOUTH_OVER_EYES = 0.828
"""Width of the mouth over the distance of the eyes, in the five points that ArcFace aligns faces to (Deng et al.,
"ArcFace", 2019; insightface's `arcface_dst`: eyes 35.24 px apart, corners of the mouth 29.18)."""


def family(variant: Variant) -> Family:
    """Return what there is to know of a variant of the network."""
    side = SIDES_PX[variant]
    size = InputSize(side, side)
    centres = anchors(variant)
    count = len(centres)
    return Family(
        name=f"blazeface-{variant}",
        size=size,
        shapes=((1, count, 16), (1, count, 1)),
        # Far from any face, `back` gives offsets of thousands and logits of tens of thousands.
        largest=1e6,
        decode=partial(decode, centres=centres),
    )


def anchors(variant: Variant) -> NDArray[np.float32]:
    """Return the centre of each anchor, (N, 2) float32 x and y in pixels of the input, in the order of the tensors."""
    grids = []
    for stride, sharing in ANCHORS[variant]:
        cells = SIDES_PX[variant] // stride
        rows, columns = np.mgrid[:cells, :cells]
        centres = (np.stack((columns.ravel(), rows.ravel()), axis=1) + 0.5) * stride
        grids.append(np.repeat(centres, sharing, axis=0))
    return np.concatenate(grids).astype(np.float32)


def decode(
    tensors: Sequence[Tensor], placed: Letterbox, score_threshold: float, *, centres: NDArray[np.float32]
) -> tuple[Face, ...]:
    """Turn the network's outputs into faces in pixels of the original picture, best score first.

    Args:
        tensors: (1, N, 16) float32 offsets: box centre, box size, then six points, x before y; and (1, N, 1) logits.
        placed: how the picture lies in the input.
        score_threshold: faces below it are left out.
        centres: the anchors, (N, 2).
    """
    offsets, logits = tensors[0][0], np.clip(tensors[1][0, :, 0], -LOGIT_LIMIT, LOGIT_LIMIT)
    scores = 1 / (1 + np.exp(-logits))
    # A box below a pixel is no face; one that is no number stays, to be refused.
    chosen = np.flatnonzero((scores >= score_threshold) & ~(offsets[:, 2:4] < 1).any(axis=1))
    if not len(chosen):
        return ()
    raw, scores = offsets[chosen], scores[chosen]
    centre, half = raw[:, :2] + centres[chosen], raw[:, 2:4] / 2
    points = raw[:, 4:].reshape(-1, 6, 2) + centres[chosen, None]
    rows = np.concatenate((centre - half, centre + half, points.reshape(-1, 12)), axis=1, dtype=np.float32)
    blended, best = _blend(rows, scores)
    return _faces(blended[:FACES_LIMIT], best[:FACES_LIMIT], placed)


def _blend(rows: Tensor, scores: NDArray[np.floating]) -> tuple[Tensor, NDArray[np.floating]]:
    """Replace the answers for each face by their mean, weighted by score; returns them and their best scores."""
    kept = keep_best(rows[:, :4], scores, BLENDING_IOU)
    overlaps = iou(rows[kept, :4], rows[:, :4]) > BLENDING_IOU
    # One that is kept is its own, whatever its overlap says.
    overlaps[np.arange(len(kept)), kept] = True
    # An answer near two faces belongs to the better one.
    owner = overlaps.argmax(axis=0)
    weights = (owner == np.arange(len(kept))[:, None]) * scores
    return (weights @ rows / weights.sum(axis=1, keepdims=True)).astype(np.float32), scores[kept]


def _faces(rows: Tensor, scores: NDArray[np.floating], placed: Letterbox) -> tuple[Face, ...]:
    scale = np.array((placed.scale_x, placed.scale_y), np.float32)
    fields = {
        "xyxy": np.divide(rows[:, :4], np.tile(scale, 2)).tolist(),
        "score": np.minimum(scores, 1).tolist(),
        "landmarks": five_points(np.divide(rows[:, 4:].reshape(-1, 6, 2), scale)).tolist(),
    }
    faces = [dict(zip(fields, row, strict=True)) for row in zip(*fields.values(), strict=True)]
    return msgspec.convert(faces, tuple[Face, ...])


def five_points(points: Tensor) -> Tensor:
    """Return eyes, nose and corners of the mouth, (N, 5, 2), from eyes, nose, centre of the mouth and ears, (N, 6, 2).

    The network does not see the corners. They are put to both sides of the mouth's centre, along the line of the
    eyes, as far apart as in the face that recognition aligns to: so the pair says no more than the centre does, and
    turns or scales that alignment no more than eyes, nose and centre alone would.
    """
    half = (points[:, LEFT_EYE] - points[:, RIGHT_EYE]) * (MOUTH_OVER_EYES / 2)
    corners = (points[:, MOUTH] - half, points[:, MOUTH] + half)
    return np.stack((points[:, RIGHT_EYE], points[:, LEFT_EYE], points[:, NOSE], *corners), axis=1)
