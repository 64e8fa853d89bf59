"""What runs the network: picture in, tensors out. Each backend's library is imported only in its own file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from detector.geometry import Canvas, Tensor


class BackendError(Exception):
    """A backend cannot run here; the text says why in one line."""


class Backend(Protocol):
    """A loaded network; loaded and used in one and the same thread."""

    name: str

    def infer(self, canvas: Canvas) -> Sequence[Tensor]:
        """Run the network once.

        Args:
            canvas: (1, height, width, 3) uint8 BGR, NHWC.

        Returns:
            The outputs in the order of `yunet.OUTPUTS`, valid until the next call.

        Raises:
            BackendError: the library failed.
        """
        ...


def open_onnxruntime(model: Path, threads: int) -> Backend:
    """Load a static ONNX model with onnxruntime on the CPU."""
    from detector.backends.onnxruntime import OnnxRuntimeBackend  # noqa: PLC0415  one accelerator, one import

    return OnnxRuntimeBackend(model, threads)


def open_tvm(library: Path, threads: int) -> Backend:
    """Load a compiled library with TVM's runtime."""
    from detector.backends.tvm import TvmBackend  # noqa: PLC0415  one accelerator, one import

    return TvmBackend(library, threads)


Opener = Callable[[Path, int], Backend]
OPENERS: dict[str, Opener] = {"tvm": open_tvm, "onnxruntime": open_onnxruntime}
REFERENCE = "onnxruntime"
"""The backend that the others must agree with."""
