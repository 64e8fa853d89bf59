"""The library that this machine compiles for a Raspberry Pi: for its CPU, without waste, with the right numbers.

It runs here only under qemu, in an arm64 detector image: one built from this tree, or what FACEWIRE_ARM64_IMAGE names.
"""

import io
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture.demo.truth import CLIP
from detector.artifacts import Artifacts
from detector.backends import open_onnxruntime
from detector.geometry import Canvas, InputSize, LetterboxCanvas
from detector.shipping import CORTEX_A76

from tests.integration.making import artifacts_in, make
from tests.places import DEMO, MODELS, ROOT

SIZE = InputSize(320, 256)
TOOLS = "aarch64-linux-gnu"
IMAGE = os.environ.get("FACEWIRE_ARM64_IMAGE", "arm64/detector")
LOADED_BY_THE_PROCESS = {"expf", "memcpy", "memset", "TVMFFIErrorSetRaisedFromCStrParts"}
EM_AARCH64 = 183
# Cortex-A53 of the Pi 3: the oldest that must run it, and it knows ARMv8.0 only.
OLDEST_CPU = "cortex-a53"
INFER = """
import sys, numpy as np
from pathlib import Path
from detector.backends import open_tvm
backend = open_tvm(Path("/made/library.so"), 1)
outputs = [[np.array(each) for each in backend.infer(canvas)] for canvas in np.load("/made/canvases.npy")]
np.savez(sys.stdout.buffer, *map(np.stack, zip(*outputs)))
"""


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Model, static model and a library for the Pi's CPU."""
    if shutil.which(f"{TOOLS}-ld") is None:
        pytest.skip(f"no linker for arm64: apt-get install binutils-{TOOLS}")
    made = artifacts_in(tmp_path_factory.mktemp("cross"), SIZE)
    make(made, "static")
    make(made, "compile", "--target", CORTEX_A76)
    return made


@pytest.fixture(scope="module")
def library(artifacts: Artifacts) -> Path:
    return artifacts.shipped(CORTEX_A76)


@pytest.fixture(scope="module")
def image() -> str:
    """An arm64 image that this machine can run."""
    if shutil.which("docker") is None:
        pytest.skip("no docker, which runs arm64 programs here")
    command = [
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        "--pull",
        "never",
        "--platform",
        "linux/arm64",
        IMAGE,
        "uname",
        "-m",
    ]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if tried.stdout.strip() != "aarch64":
        why = next(iter(tried.stderr.splitlines()), "it is not for arm64")
        pytest.skip(f"no {IMAGE} that runs here, built for linux/arm64 and with qemu-user-static: {why}")
    return IMAGE


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


def test_sums_stay_in_registers(library: Path) -> None:
    fused, on_stack = count(tool("objdump", "-d", "--no-show-raw-insn", str(library)))
    loops = {name: times for name, times in fused.items() if "conv2d" in name and name.endswith("_compute_")}
    assert len(loops) >= 12
    assert min(loops.values()) >= 100, "a convolution without NEON's multiply-add"
    assert {name: on_stack[name] for name, times in loops.items() if on_stack[name] > 0.1 * times} == {}


def count(assembly: str) -> tuple[Counter[str], Counter[str]]:
    """Count each function's vector multiply-adds, and its loads and stores of vectors on the stack."""
    fused: Counter[str] = Counter()
    on_stack: Counter[str] = Counter()
    function = ""
    for line in assembly.splitlines():
        if start := re.match(r"[0-9a-f]+ <(.*)>:", line):
            function = start[1]
        fused[function] += bool(re.search(r"\tfmla\tv\d+\.4s", line))
        on_stack[function] += bool(re.search(r"\t(ld|st)[pu]?r?\tq\d+.*\[sp", line))
    return fused, on_stack


def test_it_computes_what_onnxruntime_does(artifacts: Artifacts, library: Path, image: str, tmp_path: Path) -> None:
    shutil.copy(library, tmp_path / "library.so")
    canvases = pictures()
    np.save(tmp_path / "canvases.npy", canvases)
    reference = open_onnxruntime(artifacts.static_model, 1)
    truth = [np.stack(each) for each in zip(*(reference.infer(each) for each in canvases), strict=True)]
    ours = run_there(image, tmp_path)
    assert [each.shape for each in ours] == [each.shape for each in truth]
    assert max(float(np.abs(one - other).max()) for one, other in zip(ours, truth, strict=True)) <= 1e-4


def run_there(image: str, made: Path) -> list[np.ndarray]:
    # The image brings Python and TVM's runtime, this tree the detector. Root: no one else may read pytest's folder.
    command = ["docker", "run", "--rm", "--network", "none", "--platform", "linux/arm64", "--user", "0"]
    command += ["-v", f"{made}:/made:ro", "-v", f"{ROOT}:/src:ro", "-e", f"QEMU_CPU={OLDEST_CPU}"]
    command += ["-e", "PYTHONPATH=/src:/src/services/detector", image, "python", "-c", INFER]
    done = subprocess.run(command, capture_output=True, timeout=200)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    arrays = np.load(io.BytesIO(done.stdout))
    return [arrays[name] for name in arrays.files]


def pictures() -> Canvas:
    """Return photos and some frames of the demo clip as the network takes them, (N, 1, height, width, 3)."""
    clip = cv2.VideoCapture(str(DEMO / CLIP))
    found = [cv2.imread(str(path)) for path in sorted(MODELS.glob("sample*.jpg"))] + [clip.read()[1] for _ in range(3)]
    return np.stack([LetterboxCanvas(SIZE).fill(np.asarray(each))[0] for each in found])


def tool(name: str, *arguments: str) -> str:
    return subprocess.run([f"{TOOLS}-{name}", *arguments], check=True, capture_output=True, text=True).stdout
