"""Worker: the network in ncnn, on the CPU or on Vulkan; runs in an environment that has ncnn."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows.pipe import Prepared, serve

OUTPUTS = 12
SOFTWARE = ("llvmpipe", "swiftshader")


class NcnnError(Exception):
    """ncnn cannot be used here."""


def convert(static_model: Path, folder: Path) -> Path:
    """Convert an ONNX model with pnnx; returns the `.param` file, beside which lies the `.bin`."""
    copy = folder / "net.onnx"
    copy.write_bytes(static_model.read_bytes())
    # The program of the wheel; its Python side wants torch, which reading ONNX does not.
    program = next(Path(each) / "pnnx" / "pnnx" for each in sys.path if (Path(each) / "pnnx" / "pnnx").is_file())
    done = subprocess.run([program, copy, "fp16=0"], cwd=folder, capture_output=True, text=True, check=False)
    param = folder / "net.ncnn.param"
    if done.returncode or not param.exists():
        raise NcnnError(f"pnnx ended with {done.returncode}")
    return param


def prepare(static_model: Path, threads: int, canvas_path: Path, folder: Path, device: str) -> Prepared:
    """Load the network; all options but threads and device are ncnn's own defaults."""
    import ncnn  # type: ignore[import-not-found]  # noqa: PLC0415  a missing one is a row's problem

    param = convert(static_model, folder)
    net, note = ncnn.Net(), ""
    net.opt.num_threads = threads
    if device == "vulkan":
        if not ncnn.get_gpu_count():
            raise NcnnError("no Vulkan device; Mesa's software one is Debian's mesa-vulkan-drivers, with libvulkan1")
        net.opt.use_vulkan_compute = True
        name = str(ncnn.get_gpu_info(0).device_name())
        note = f"{'software, ' if any(each in name.lower() for each in SOFTWARE) else ''}{name}"
    if net.load_param(str(param)) or net.load_model(str(param.with_suffix(".bin"))):
        raise NcnnError("ncnn does not load what pnnx made")
    picture = np.load(canvas_path)[0]
    height, width, _ = picture.shape

    def infer() -> list[NDArray[Any]]:
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat.from_pixels(picture, ncnn.Mat.PixelType.PIXEL_BGR, width, height))
        return [np.array(extractor.extract(f"out{index}")[1]) for index in range(OUTPUTS)]

    return Prepared({"net": infer}, infer(), note)


if __name__ == "__main__":
    model, threads, canvas, folder, device = sys.argv[1:]
    serve(
        lambda: prepare(Path(model), int(threads), Path(canvas), Path(folder), device),
        (NcnnError, ImportError, OSError, StopIteration),
    )
