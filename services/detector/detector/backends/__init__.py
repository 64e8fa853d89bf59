"""What runs a network: picture in, tensors out. Each backend's library is imported only in its own file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from detector.families import Family, ssd
from detector.families.yunet import yunet
from detector.geometry import Canvas, InputSize, Tensor
from facewire.models import ModelError, verify_file


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
            The outputs in the order of the family's shapes, valid until the next call.

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


def open_tvm_fp16(library: Path, threads: int) -> Backend:
    """Load a library that computes in half precision with TVM's runtime."""
    from detector.backends.tvm import TvmBackend  # noqa: PLC0415  one accelerator, one import

    return TvmBackend(library, threads, "tvm-fp16")


def open_ncnn(net: Path, threads: int) -> Backend:
    """Load a network of ncnn's on the CPU."""
    try:
        from detector.backends.ncnn import NcnnBackend  # noqa: PLC0415  one accelerator, one import
    except ImportError as error:
        raise BackendError(f"the package ncnn cannot be used: {error}") from error
    return NcnnBackend(net, threads)


def open_ncnn_vulkan(net: Path, threads: int) -> Backend:
    """Load a network of ncnn's on a GPU."""
    try:
        from detector.backends.ncnn import NcnnVulkanBackend  # noqa: PLC0415  one accelerator, one import
    except ImportError as error:
        raise BackendError(f"the package ncnn cannot be used: {error}") from error
    return NcnnVulkanBackend(net, threads)


def _refuse_software_gpu() -> None:
    from detector.backends.ncnn import refuse_software  # noqa: PLC0415  one accelerator, one import

    refuse_software()


def open_edgetpu(model: Path, threads: int) -> Backend:
    """Load a network compiled for a Coral Edge TPU, after a look at its hash: native code trusts what it reads."""
    from detector.backends.edgetpu import EdgeTpuBackend  # noqa: PLC0415  one accelerator, one import

    try:
        verify_file(model)
    except ModelError as error:
        raise BackendError(str(error)) from error
    return EdgeTpuBackend(model, threads)


Opener = Callable[[Path, int], Backend]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of backend.

    Args:
        open: loads it from its file, for so many threads.
        family: the network that it runs, given the input size that the operator wants.
        isolated: it drives a device, whose driver may take its process along: it gets one of its own.
        missing: why its file may not be there.
        refuse: raises BackendError where it runs, and still is nothing for `auto` to take.
    """

    open: Opener
    family: Callable[[InputSize], Family] = yunet
    isolated: bool = False
    missing: str = "not made for this host"
    refuse: Callable[[], None] = lambda: None


NO_NET = "not made for this host, which pnnx does"
KINDS: dict[str, Kind] = {
    "onnxruntime": Kind(open_onnxruntime),
    "tvm": Kind(open_tvm),
    "tvm-fp16": Kind(open_tvm_fp16, missing="not made: it is for CPUs with arithmetic in half precision"),
    "ncnn": Kind(open_ncnn, missing=NO_NET),
    "ncnn-vulkan": Kind(open_ncnn_vulkan, isolated=True, missing=NO_NET, refuse=_refuse_software_gpu),
    "edgetpu": Kind(open_edgetpu, lambda _: ssd.family(), isolated=True, missing="no model for it (docs/coral.md)"),
}
REFERENCE = "onnxruntime"
"""The backend that the others must agree with."""
