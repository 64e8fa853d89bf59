"""What runs a network: picture in, tensors out. Each backend's library is imported only in its own file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from detector import vulkan
from detector.dependencies import Dependencies, Host
from detector.families import Family, ssd
from detector.families.yunet import yunet
from detector.geometry import Canvas, InputSize, Tensor
from detector.host import edge_tpus
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
        depends: its dependencies beside its file; a remembered measurement holds as long as they are as they were.
    """

    open: Opener
    family: Callable[[InputSize], Family] = yunet
    isolated: bool = False
    missing: str = "not made for this host"
    refuse: Callable[[], None] = lambda: None
    depends: Dependencies = field(default_factory=Dependencies)


def _edge_tpus(host: Host) -> list[str]:
    return edge_tpus(host.root / "dev", host.root / "sys/bus/usb/devices")


OPENMP = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY")
TVM = Dependencies(packages=("apache-tvm", "apache-tvm-ffi"))
NCNN = Dependencies(packages=("ncnn",), variables=OPENMP)
NCNN_VULKAN = Dependencies(
    packages=("ncnn",),
    libraries=(vulkan.LOADER,),
    find=vulkan.driver_files,
    devices=vulkan.DEVICES,
    contents=vulkan.CONTENTS,
    variables=(*OPENMP, *vulkan.VARIABLES),
)
EDGE_TPU = Dependencies(
    packages=("ai-edge-litert", "tflite-runtime"),
    libraries=("libedgetpu.so.1",),
    devices=("/dev/apex_*", "/dev/bus/usb/*"),
    seen=_edge_tpus,
)

NO_NET = "not made for this host, which pnnx does"
KINDS: dict[str, Kind] = {
    "onnxruntime": Kind(open_onnxruntime, depends=Dependencies(packages=("onnxruntime",))),
    "tvm": Kind(open_tvm, depends=TVM),
    "tvm-fp16": Kind(open_tvm_fp16, missing="not made: it is for CPUs with arithmetic in half precision", depends=TVM),
    "ncnn": Kind(open_ncnn, missing=NO_NET, depends=NCNN),
    "ncnn-vulkan": Kind(
        open_ncnn_vulkan, isolated=True, missing=NO_NET, refuse=_refuse_software_gpu, depends=NCNN_VULKAN
    ),
    "edgetpu": Kind(
        open_edgetpu, lambda _: ssd.family(), isolated=True, missing="no model for it (docs/coral.md)", depends=EDGE_TPU
    ),
}
REFERENCE = "onnxruntime"
"""The backend that the others must agree with."""
