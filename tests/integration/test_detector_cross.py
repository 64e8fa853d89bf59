"""The libraries that this machine compiles for a Raspberry Pi: for its CPU, without waste, with the right numbers.

They run here only under qemu, in the arm64 Debian of `tests.emulation`.
"""

import io
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture.demo.truth import CLIP
from detector.agreement import FAINT, least_iou
from detector.artifacts import Artifacts
from detector.backends import open_onnxruntime
from detector.families.yunet import yunet
from detector.geometry import Canvas, InputSize, Letterbox, LetterboxCanvas, Tensor
from detector.precision import FP16, FP32, PRECISIONS
from detector.shipping import CORTEX_A76

from facewire.pixels import Picture
from tests.emulation import NotThereError, run_python
from tests.integration.making import artifacts_in, make
from tests.places import DEMO, MODELS

SIZE = InputSize(320, 256)
TOOLS = "aarch64-linux-gnu"
LOADED_BY_THE_PROCESS = {"expf", "memcpy", "memset", "TVMFFIErrorSetRaisedFromCStrParts"}
EM_AARCH64 = 183
# float32 must run on the Pi 3's Cortex-A53, which knows ARMv8.0 only; half precision is for the Pi 5's.
CPU = {FP32: "cortex-a53", FP16: "cortex-a76"}
LANES = {FP32: "4s", FP16: "8h"}
INFER = """
import sys, numpy as np
from pathlib import Path
from detector.backends import open_tvm
backend = open_tvm(Path(sys.argv[1]), 1)
outputs = [[np.array(each) for each in backend.infer(canvas)] for canvas in np.load(sys.argv[2])]
np.savez(sys.stdout.buffer, *map(np.stack, zip(*outputs)))
"""
# A float32 library is off by 4e-6, one of half precision by 0.04 (in a landmark) and boxes by an IoU of 0.99.
FP32_CLOSE = 1e-4
FP16_CLOSE_IOU = 0.97


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Model, static model and libraries for the Pi's CPU."""
    if shutil.which(f"{TOOLS}-ld") is None:
        missing(f"no linker for arm64: apt-get install binutils-{TOOLS}")
    made = artifacts_in(tmp_path_factory.mktemp("cross"), SIZE)
    make(made, "static")
    for precision in PRECISIONS:
        make(made, "compile", "--target", CORTEX_A76, "--precision", precision)
    return made


@pytest.fixture(params=PRECISIONS)
def precision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def library(artifacts: Artifacts, precision: str) -> Path:
    return artifacts.shipped(CORTEX_A76, precision)


def missing(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def test_it_is_a_shared_library_for_64_bit_arm(library: Path) -> None:
    head = library.read_bytes()[:20]
    assert head[:6] == b"\x7fELF\x02\x01"
    assert int.from_bytes(head[16:18], "little") == 3, "not a shared object"
    assert int.from_bytes(head[18:20], "little") == EM_AARCH64


def test_it_has_the_network_and_needs_no_other_library(library: Path) -> None:
    symbols = [line.split()[-2:] for line in tool("nm", "-D", str(library)).splitlines()]
    defined = {name for kind, name in symbols if kind != "U"}
    assert "__tvm_ffi__library_bin" in defined
    assert sum(name.startswith("__tvm_ffi_fused_") for name in defined) >= 20
    assert {name for kind, name in symbols if kind == "U"} <= LOADED_BY_THE_PROCESS


def test_sums_stay_in_registers(library: Path, precision: str) -> None:
    fused, on_stack = count(tool("objdump", "-d", "--no-show-raw-insn", str(library)), LANES[precision])
    loops = {name: times for name, times in fused.items() if "conv2d" in name and name.endswith("_compute_")}
    assert len(loops) >= 12
    assert min(loops.values()) >= 60, "a convolution without NEON's multiply-add"
    assert {name: on_stack[name] for name, times in loops.items() if on_stack[name] > 0.1 * times} == {}


def test_only_half_precision_computes_in_it(artifacts: Artifacts) -> None:
    for precision, other in ((FP32, FP16), (FP16, FP32)):
        assembly = tool("objdump", "-d", "--no-show-raw-insn", str(artifacts.shipped(CORTEX_A76, precision)))
        assert count(assembly, LANES[other])[0].total() == 0


def count(assembly: str, lanes: str) -> tuple[Counter[str], Counter[str]]:
    """Count each function's vector multiply-adds, and its loads and stores of vectors on the stack."""
    fused: Counter[str] = Counter()
    on_stack: Counter[str] = Counter()
    function = ""
    for line in assembly.splitlines():
        if start := re.match(r"[0-9a-f]+ <(.*)>:", line):
            function = start[1]
        fused[function] += bool(re.search(rf"\tfmla\tv\d+\.{lanes}", line))
        on_stack[function] += bool(re.search(r"\t(ld|st)[pu]?r?\tq\d+.*\[sp", line))
    return fused, on_stack


def test_float32_computes_what_onnxruntime_does(artifacts: Artifacts, tmp_path: Path) -> None:
    canvases, _ = views(pictures(1.0))
    truth, ours = right(artifacts, canvases), emulated(artifacts, FP32, canvases, tmp_path)
    assert [each.shape for each in ours] == [each.shape for each in truth]
    assert max(float(np.abs(one - other).max()) for one, other in zip(ours, truth, strict=True)) <= FP32_CLOSE


def test_half_precision_finds_the_faces_that_onnxruntime_does(artifacts: Artifacts, tmp_path: Path) -> None:
    canvases, placements = views(pictures(1.0, 0.4))
    truth, ours = right(artifacts, canvases), emulated(artifacts, FP16, canvases, tmp_path)
    assert [(each.shape, each.dtype) for each in ours] == [(each.shape, each.dtype) for each in truth]
    decode = yunet(SIZE).decode
    found, wanted = (
        [decode([each[at] for each in outputs], placed, FAINT) for at, placed in enumerate(placements)]
        for outputs in (ours, truth)
    )
    assert sum(map(len, wanted)) >= 25, "too few faces to tell"
    assert min(map(least_iou, found, wanted)) >= FP16_CLOSE_IOU


def test_half_precision_is_not_for_older_cpus(artifacts: Artifacts, tmp_path: Path) -> None:
    """Else it need not be a file of its own, and qemu would not tell one CPU from another."""
    canvases, _ = views(pictures(1.0)[:1])
    with pytest.raises(subprocess.CalledProcessError) as failed:
        emulated(artifacts, FP16, canvases, tmp_path, CPU[FP32])
    assert failed.value.returncode == -signal.SIGILL


def right(artifacts: Artifacts, canvases: Canvas) -> list[Tensor]:
    reference = open_onnxruntime(artifacts.static_model, 1)
    return [np.stack(each) for each in zip(*(reference.infer(each) for each in canvases), strict=True)]


def emulated(artifacts: Artifacts, precision: str, canvases: Canvas, folder: Path, cpu: str = "") -> list[Tensor]:
    np.save(folder / "canvases.npy", canvases)
    library = artifacts.shipped(CORTEX_A76, precision)
    try:
        written = run_python(cpu or CPU[precision], INFER, str(library), str(folder / "canvases.npy"))
    except NotThereError as error:
        missing(str(error))
    arrays = np.load(io.BytesIO(written))
    return [arrays[name] for name in arrays.files]


def pictures(*scales: float) -> list[Picture]:
    """Return photos at several sizes within the same frame, and some frames of the demo clip."""
    photos = [np.asarray(cv2.imread(str(path)), np.uint8) for path in sorted(MODELS.glob("sample*.jpg"))]
    clip = cv2.VideoCapture(str(DEMO / CLIP))
    frames = [np.asarray(clip.read()[1], np.uint8) for _ in range(60)]
    return [shrunk(photo, scale) for scale in scales for photo in photos] + frames[::20]


def shrunk(photo: Picture, scale: float) -> Picture:
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = np.zeros_like(photo)
    frame[: small.shape[0], : small.shape[1]] = small
    return frame


def views(seen: Sequence[Picture]) -> tuple[Canvas, list[Letterbox]]:
    """Return pictures as the network takes them, (N, 1, height, width, 3), and how each lies in its canvas."""
    filled = [LetterboxCanvas(SIZE).fill(each) for each in seen]
    return np.stack([canvas for canvas, _ in filled]), [placed for _, placed in filled]


def tool(name: str, *arguments: str) -> str:
    return subprocess.run([f"{TOOLS}-{name}", *arguments], check=True, capture_output=True, text=True).stdout
