"""Worker: OpenCV's FaceDetectorYN, the whole of it as people use it, post-processing included."""

import sys
from pathlib import Path

import cv2
import numpy as np

from benchmarks.rows.pipe import Prepared, serve
from benchmarks.rows.serving import SCORE_THRESHOLD

NMS_IOU = 0.3
"""OpenCV's default."""
TOP_K = 5000
"""OpenCV's default."""


def prepare(model: Path, threads: int, canvas_path: Path) -> Prepared:
    """Open the model at the canvas's size."""
    cv2.setNumThreads(threads)
    picture = np.load(canvas_path)[0]
    height, width, _ = picture.shape
    detector = cv2.FaceDetectorYN.create(str(model), "", (width, height), SCORE_THRESHOLD, NMS_IOU, TOP_K)
    _, faces = detector.detect(picture)
    # Without a face there is no array.
    faces = np.zeros((0, 15), np.float32) if faces is None else faces
    return Prepared({"net": lambda: detector.detect(picture)}, [faces], "error in px of boxes")


if __name__ == "__main__":
    model, threads, canvas = sys.argv[1:]
    serve(lambda: prepare(Path(model), int(threads), Path(canvas)), (cv2.error,))
