"""Worker: the network on a backend of the detector's, and the whole step from a frame's bytes to faces."""

import sys
from pathlib import Path

import cv2
import numpy as np
from detector.backends import KINDS, Backend, BackendError
from detector.backends.onnxruntime import OnnxRuntimeBackend
from detector.failover import Answer
from detector.families import Family
from detector.finding import FaceFinder
from detector.geometry import InputSize, LetterboxCanvas, Views

from benchmarks.rows.pipe import Prepared, serve
from facewire.messages import Frame
from facewire.metrics import Metrics
from facewire.pixels import picture

SCORE_THRESHOLD = 0.5
SPINS = "its threads spin, as by default; the service does not let them"


class Alone:
    """A backend without others to step in, as a network that faces can be found with."""

    def __init__(self, backend: Backend, family: Family) -> None:
        self.size = family.size
        self._backend = backend
        self._family = family

    def infer(self, views: Views) -> Answer:
        """Run the network once."""
        canvas, _ = views.at(self.size)
        return Answer(self._backend.name, self._family, self._backend.infer(canvas))


def frame_of(path: Path) -> Frame:
    """Return a picture that was saved as an array, as a message."""
    pixels = np.load(path)
    height, width, _ = pixels.shape
    return Frame("bench", 1, 1, width, height, "bgr24", pixels.tobytes())


def prepare(backend_name: str, file: Path, threads: int, frame_path: Path, canvas_path: Path) -> Prepared:
    """Open a backend as the service does."""
    # As `python -m detector` sets it.
    cv2.setNumThreads(1)
    kind = KINDS[backend_name]
    # These are at their best when their threads spin, which the service does not let them; ncnn's environment says so.
    spins = backend_name in ("onnxruntime", "ncnn")
    is_reference = backend_name == "onnxruntime"
    backend = OnnxRuntimeBackend(file, threads, spin=True) if is_reference else kind.open(file, threads)
    _, height, width, _ = np.load(canvas_path, mmap_mode="r").shape
    family = kind.family(InputSize(width, height))
    frame = frame_of(frame_path)
    # A network of another family takes another canvas than the one that was made for all.
    canvas, _ = LetterboxCanvas(family.size).fill(picture(frame))
    finder = FaceFinder(SCORE_THRESHOLD, Metrics("detector"))
    alone = Alone(backend, family)
    outputs = [np.array(output) for output in backend.infer(canvas)]
    # Of ncnn-vulkan, what it computes on.
    note = SPINS if spins else str(getattr(backend, "device", ""))
    # Of a device, or a driver that plays one, the inference takes so long that nothing is seen of what is around it.
    steps = {} if kind.isolated else {"step": lambda: finder.find(frame, alone)}
    return Prepared({"net": lambda: backend.infer(canvas), **steps}, outputs, note)


if __name__ == "__main__":
    name, file, threads, frame, canvas = sys.argv[1:]
    serve(lambda: prepare(name, Path(file), int(threads), Path(frame), Path(canvas)), (BackendError,))
