"""Decode YuNet's tensors into faces: pure functions, the same for every backend.

YuNet (Wu, Peng & Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023) is anchor-free: every cell
of three grids gives a class and an objectness score, a box and five points relative to the cell. The
formulas are those of OpenCV's `FaceDetectorYNImpl::postProcess`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.families import Family
from detector.geometry import InputSize, Letterbox, Tensor
from detector.nms import keep_best
from facewire.messages import FACES_LIMIT, Face

OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32))
"""The network's outputs, in the order in which every backend returns them."""

CHANNELS = (1, 1, 4, 10)
STRIDES_PX = (8, 16, 32)

# OpenCV's default for FaceDetectorYN.
NMS_IOU = 0.3

# Scores, and offsets in cells: no more than 6 on photos and on noise.
LARGEST = 50.0


def yunet(size: InputSize) -> Family:
    """Return YuNet with an input of this size, whose sides are multiples of 32."""
    cells = grid(size)
    return Family("yunet", size, output_shapes(size), LARGEST, partial(decode, cells=cells))


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the cells of all three grids lie: column and row (N, 2), and stride (N,), float32, in cells and px."""

    cells: NDArray[np.float32]
    strides: NDArray[np.float32]


def output_shapes(size: InputSize) -> tuple[tuple[int, ...], ...]:
    """Return the shape of each of the network's outputs, in the order of `OUTPUTS`."""
    cells = [(size.width // stride) * (size.height // stride) for stride in STRIDES_PX]
    return tuple((1, count, channels) for channels in CHANNELS for count in cells)


def grid(size: InputSize) -> Grid:
    """Lay out the cells of strides 8, 16 and 32, row by row, in the order of the tensors."""
    cells, strides = [], []
    for stride in STRIDES_PX:
        rows, columns = np.mgrid[: size.height // stride, : size.width // stride]
        cells.append(np.stack((columns.ravel(), rows.ravel()), axis=1))
        strides.append(np.full(rows.size, stride))
    return Grid(np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32))


def decode(tensors: Sequence[Tensor], placed: Letterbox, score_threshold: float, *, cells: Grid) -> tuple[Face, ...]:
    """Turn the network's outputs into faces in pixels of the original picture, best score first.

    Args:
        tensors: the twelve outputs in the order of `OUTPUTS`, each (1, cells, channels) float32.
        placed: how the picture lies in the input.
        score_threshold: faces below it are left out.
        cells: the grid of the same input size.
    """
    merged = [np.concatenate([tensor[0] for tensor in tensors[at : at + 3]]) for at in (0, 3)]
    scores = np.sqrt(np.clip(merged[0][:, 0], 0, 1) * np.clip(merged[1][:, 0], 0, 1))
    chosen = np.flatnonzero(scores >= score_threshold)
    if not len(chosen):
        return ()
    boxes = np.concatenate([tensor[0] for tensor in tensors[6:9]])[chosen]
    points = np.concatenate([tensor[0] for tensor in tensors[9:12]])[chosen]
    origin, stride = cells.cells[chosen], cells.strides[chosen, None]
    centre = (origin + boxes[:, :2]) * stride
    half = np.exp(boxes[:, 2:]) * stride / 2
    xyxy = np.concatenate((centre - half, centre + half), axis=1)
    landmarks = (points.reshape(-1, 5, 2) + origin[:, None]) * stride[:, None]
    kept = keep_best(xyxy, scores[chosen], NMS_IOU)[:FACES_LIMIT]
    return _faces(xyxy[kept], scores[chosen][kept], landmarks[kept], placed)


def _faces(xyxy: Tensor, scores: Tensor, landmarks: Tensor, placed: Letterbox) -> tuple[Face, ...]:
    scale = np.array((placed.scale_x, placed.scale_y), np.float32)
    fields = {
        "xyxy": np.divide(xyxy, np.tile(scale, 2)).tolist(),
        "score": np.minimum(scores, 1).tolist(),
        # The network gives the right mouth corner before the left one, as the message does.
        "landmarks": np.divide(landmarks, scale).tolist(),
    }
    rows = [dict(zip(fields, row, strict=True)) for row in zip(*fields.values(), strict=True)]
    return msgspec.convert(rows, tuple[Face, ...])
