"""Say how far a row's outputs are from those they should equal."""

import numpy as np
from detector.families.yunet import yunet
from detector.geometry import InputSize, fit
from numpy.typing import NDArray

from benchmarks.rows.pipe import Arrays
from benchmarks.rows.serving import SCORE_THRESHOLD

BOX = 4
"""Columns of FaceDetectorYN's rows that are the box: left, top, width, height."""


def tensors_differ_by(ours: Arrays, truth: Arrays) -> float:
    """Return the largest difference between tensors that hold the same numbers in the same order.

    Raises:
        ValueError: they do not.
    """
    pairs = zip(ours, truth, strict=True)
    return max(float(np.abs(mine.reshape(-1) - right.reshape(-1)).max()) for mine, right in pairs)


def boxes_differ_by(faces: NDArray[np.float32], truth: Arrays, size: InputSize) -> float:
    """Return the largest difference in pixels between OpenCV's boxes and those that the reference's tensors mean.

    Raises:
        ValueError: the faces are not as many.
    """
    decoded = yunet(size).decode(truth, fit(size.width, size.height, size), SCORE_THRESHOLD)
    right = np.array(sorted((x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2 in (face.xyxy for face in decoded)))
    ours = np.array(sorted(tuple(row[:BOX]) for row in faces))
    if ours.shape != right.shape:
        raise ValueError(f"{len(ours)} faces, not {len(right)}")
    return float(np.abs(ours - right).max())
