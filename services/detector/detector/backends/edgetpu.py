"""Run an SSD face network on a Coral Edge TPU: TensorFlow Lite's interpreter with the libedgetpu delegate."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

from detector.backends import BackendError
from detector.backends.tflite import TFLITE_ERRORS, Network, require_size, runtime
from detector.families import ssd
from detector.geometry import Canvas, Tensor
from detector.host import edge_tpus

LIBRARY = "libedgetpu.so.1"
COMPILED = b"edgetpu-custom-op"
"""The operator into which Google's compiler puts what the TPU runs."""


class EdgeTpuBackend:
    """A network compiled for the Edge TPU.

    Args:
        model: the *_edgetpu.tflite file.
        threads: of what stays on the CPU, the post-processing.
        device: which one: empty for the first found, `usb`, `usb:0`, `pci`, `pci:0`.
        library: the driver.
    """

    name = "edgetpu"

    def __init__(self, model: Path, threads: int, device: str = "", library: str = LIBRARY) -> None:
        _require_compiled(model)
        self._network = Network(model, threads, [_delegate(library, device)])
        require_size(self._network, ssd.family(), model)
        if not ssd.is_layout(self._network.shapes):
            raise BackendError(f"{model.name} gives {self._network.shapes}, and no boxes, classes, scores and count")

    def infer(self, canvas: Canvas) -> Sequence[Tensor]:
        """Run the network once."""
        return ssd.settle(self._network.run(canvas))


def _require_compiled(model: Path) -> None:
    try:
        compiled = COMPILED in model.read_bytes()
    except OSError as error:
        raise BackendError(f"{model.name} cannot be read: {error.strerror}") from error
    if not compiled:
        raise BackendError(f"{model.name} is not compiled for the Edge TPU: take the one that ends in _edgetpu.tflite")


def _delegate(library: str, device: str) -> object:
    load = runtime().load_delegate
    _require_library(library)
    try:
        return load(library, {"device": device} if device else {})
    except TFLITE_ERRORS as error:
        said = " ".join(str(error).split()).removeprefix(f"Failed to load delegate from {library}").strip()
        seen = ", ".join(edge_tpus()) or "none on USB or PCIe (is it plugged in, and passed to the container?)"
        reason = f" ({said:.200})" if said else ""
        raise BackendError(
            f"no Edge TPU{f' {device!r}' if device else ''} can be used{reason}; seen: {seen}"
        ) from error


def _require_library(library: str) -> None:
    """Look at the library first: the interpreter's own complaint is a traceback on standard error."""
    try:
        loaded = ctypes.CDLL(library)
    except OSError as error:
        raise BackendError(f"the Edge TPU's driver does not load: {error} (docs/coral.md)") from error
    if not hasattr(loaded, "tflite_plugin_create_delegate"):
        raise BackendError(f"{library} is no driver of an Edge TPU: it has no delegate in it")
