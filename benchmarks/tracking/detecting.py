"""Find faces as the detector service does by default: YuNet at 320x256."""

import tempfile
from pathlib import Path

from detector.backends.onnxruntime import OnnxRuntimeBackend
from detector.families.yunet import yunet
from detector.finding import FaceFinder
from detector.geometry import InputSize
from detector.static import fix_input

from benchmarks.rows.serving import SCORE_THRESHOLD, Alone
from facewire.messages import Face, Frame
from facewire.metrics import Metrics
from facewire.pixels import Picture

SIZE = InputSize(320, 256)


class Detector:
    """The network on onnxruntime, one thread.

    Args:
        model: YuNet's ONNX file.
        size: of the network's input.
        threshold: fainter faces are left out.
    """

    def __init__(self, model: Path, size: InputSize = SIZE, threshold: float = SCORE_THRESHOLD) -> None:
        self._finder = FaceFinder(threshold, Metrics("detector"))
        with tempfile.TemporaryDirectory(prefix="facewire-bench-") as folder:
            fixed = Path(folder) / "yunet.onnx"
            fix_input(model, fixed, size)
            self._network = Alone(OnnxRuntimeBackend(fixed, 1), yunet(size))

    def faces(self, picture: Picture) -> tuple[Face, ...]:
        """Return the faces in a (H, W, 3) uint8 BGR picture, best score first."""
        height, width, _ = picture.shape
        frame = Frame("bench", 1, 1, width, height, "bgr24", picture.tobytes())
        return self._finder.find(frame, self._network).faces
