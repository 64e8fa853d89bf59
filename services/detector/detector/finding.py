"""Find the faces of a frame: letterbox, network, decode."""

import time

from detector.backends import Backend, BackendError
from detector.geometry import InputSize, LetterboxCanvas
from detector.yunet import decode, grid
from facewire.messages import Detections, Frame
from facewire.metrics import Metrics
from facewire.pixels import picture

MS_PER_S = 1000


class FaceFinder:
    """Everything that stays the same from frame to frame.

    Args:
        size: the network's input.
        score_threshold: fainter faces are left out.
        metrics: times the steps.
    """

    def __init__(self, size: InputSize, score_threshold: float, metrics: Metrics) -> None:
        self._letterbox = LetterboxCanvas(size)
        self._grid = grid(size)
        self._score_threshold = score_threshold
        self._metrics = metrics

    def find(self, frame: Frame, backend: Backend) -> Detections:
        """Return the faces of a frame, in its own pixels.

        Raises:
            BackendError: the backend failed, or what it gave makes no sense.
        """
        with self._metrics.stage("letterbox"):
            canvas, placed = self._letterbox.fill(picture(frame))
        started_s = time.perf_counter()
        with self._metrics.stage("inference"):
            tensors = backend.infer(canvas)
        inference_ms = (time.perf_counter() - started_s) * MS_PER_S
        with self._metrics.stage("decode"):
            try:
                faces = decode(tensors, self._grid, placed, self._score_threshold)
            except ValueError as error:
                raise BackendError(f"faces that cannot be: {error}") from error
        return Detections(frame.camera, frame.seq, frame.captured_ns, backend.name, round(inference_ms, 3), faces)
