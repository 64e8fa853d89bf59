"""Find the faces of a frame: letterbox, network, decode."""

import time
from typing import Protocol

from detector.backends import BackendError
from detector.failover import Answer
from detector.geometry import InputSize, Views
from facewire.messages import Detections, Frame
from facewire.metrics import Metrics
from facewire.pixels import picture

MS_PER_S = 1000


class Network(Protocol):
    """Whatever runs one network or another."""

    @property
    def size(self) -> InputSize:
        """The input that it will probably want next."""
        ...

    def infer(self, views: Views) -> Answer:
        """Run a network on one of the views.

        Raises:
            BackendError: it failed.
        """
        ...


class FaceFinder:
    """Everything that stays the same from frame to frame.

    Args:
        score_threshold: fainter faces are left out.
        metrics: times the steps.
    """

    def __init__(self, score_threshold: float, metrics: Metrics) -> None:
        self._views = Views()
        self._score_threshold = score_threshold
        self._metrics = metrics

    def find(self, frame: Frame, network: Network) -> Detections:
        """Return the faces of a frame, in its own pixels.

        Raises:
            BackendError: the network failed, or what it gave makes no sense.
        """
        with self._metrics.stage("letterbox"):
            self._views.show(picture(frame))
            self._views.at(network.size)
        started_s = time.perf_counter()
        with self._metrics.stage("inference"):
            answer = network.infer(self._views)
        inference_ms = (time.perf_counter() - started_s) * MS_PER_S
        with self._metrics.stage("decode"):
            _, placed = self._views.at(answer.family.size)
            try:
                faces = answer.family.decode(answer.tensors, placed, self._score_threshold)
            except ValueError as error:
                raise BackendError(f"faces that cannot be: {error}") from error
        return Detections(frame.camera, frame.seq, frame.captured_ns, answer.backend, round(inference_ms, 3), faces)
