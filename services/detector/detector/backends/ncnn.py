"""Run the network with ncnn: on the CPU, or through Vulkan on a GPU."""

import ctypes
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from detector.backends import BackendError
from detector.geometry import Canvas, Tensor
from detector.ncnn_net import NetFileError, unpack

# ncnn parts and joins its threads some sixty times a picture. By default those that are done spin, and on a busy host
# keep the others from the cores: an inference took ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import ncnn

VULKAN_LOADER = "libvulkan.so.1"
DEVICES = Path("/dev/dri")
INPUT = "in0"
# VkPhysicalDeviceType, as ncnn numbers it: a driver that computes on the CPU.
SOFTWARE = 3


class NcnnBackend:
    """A network of ncnn's on the CPU.

    ncnn computes in float16 where the CPU has arithmetic for it (a Cortex-A76 does, x86 does not), and in float32
    elsewhere. All options are its own defaults but the threads.

    Args:
        net_file: what `python -m detector ncnn` made, for pictures of any size.
        threads: how many threads one inference may use.
    """

    name = "ncnn"
    device = "CPU"

    def __init__(self, net_file: Path, threads: int) -> None:
        self._net = ncnn.Net()
        self._net.opt.num_threads = threads
        self._prepare()
        with tempfile.TemporaryDirectory(prefix="facewire-ncnn-") as folder:
            try:
                layers, weights = unpack(net_file, Path(folder))
            except NetFileError as error:
                raise BackendError(f"ncnn cannot load {error}") from error
            if self._net.load_param(str(layers)) or self._net.load_model(str(weights)):
                raise BackendError(f"ncnn cannot load {net_file.name}: it is no network of this version's")
        # pnnx numbers them: out0, out1 ...
        self._outputs = [f"out{index}" for index in range(len(self._net.output_names()))]

    def _prepare(self) -> None:
        """Choose the device, before anything is loaded."""

    def infer(self, canvas: Canvas) -> Sequence[Tensor]:
        """Run the network once."""
        _, height, width, _ = canvas.shape
        run = self._net.create_extractor()
        pixels = ncnn.Mat.from_pixels(canvas[0], ncnn.Mat.PixelType.PIXEL_BGR, width, height)
        if run.input(INPUT, pixels):
            raise BackendError(f"{self.name} does not take the picture")
        return [self._extract(run, output) for output in self._outputs]

    def _extract(self, run: "ncnn.Extractor", output: str) -> Tensor:
        problem, tensor = run.extract(output)
        if problem:
            raise BackendError(f"{self.name} failed at {output} (code {problem})")
        return cast("Tensor", np.asarray(tensor)[None])


class NcnnVulkanBackend(NcnnBackend):
    """A network of ncnn's on a GPU, in float16 where its driver has that."""

    name = "ncnn-vulkan"

    def _prepare(self) -> None:
        gpu = _gpu()
        self.device = f"software, {gpu.device_name()}" if gpu.type() == SOFTWARE else str(gpu.device_name())
        self._net.opt.use_vulkan_compute = True


def refuse_software() -> None:
    """Refuse a driver that computes on the CPU, where ncnn itself is much faster.

    Raises:
        BackendError: it is one, or there is no Vulkan.
    """
    gpu = _gpu()
    if gpu.type() == SOFTWARE:
        raise BackendError(f"software, {gpu.device_name()}, since {why_no_device(DEVICES)}")


def _gpu() -> "ncnn.GpuInfo":
    try:
        # ncnn looks for it too, and says nothing of use when it is missing.
        ctypes.CDLL(VULKAN_LOADER)
    except OSError as error:
        raise BackendError("no Vulkan: libvulkan1 is missing; docker-compose.gpu.yml brings it") from error
    if not ncnn.get_gpu_count():
        raise BackendError(f"no Vulkan device: {why_no_device(DEVICES)}")
    return ncnn.get_gpu_info(ncnn.get_default_gpu_index())


def why_no_device(folder: Path) -> str:
    """Say what keeps this process from a GPU.

    Args:
        folder: where the kernel puts GPUs.
    """
    nodes = sorted(folder.glob("renderD*"))
    if not nodes:
        return f"there is no {folder}/renderD*; in Docker, docker-compose.gpu.yml shows it"
    closed = [node for node in nodes if not os.access(node, os.R_OK | os.W_OK)]
    if closed:
        return f"{closed[0]} is open to group {closed[0].stat().st_gid} only: RENDER_GID"
    return f"no driver takes {nodes[0]}; Debian's are in mesa-vulkan-drivers"
