"""The libraries that this machine compiles for a Raspberry Pi: for its CPU, without waste, with the right numbers.

They run here only under qemu, in the arm64 Debian of `tests.emulation`.
"""

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from detector.agreement import least_iou
from detector.artifacts import Artifacts
from detector.geometry import InputSize, Tensor
from detector.precision import FP16, FP32, PRECISIONS
from detector.shipping import CORTEX_A76

from tests.emulation import NotThereError
from tests.integration.crossed import CLOSE_IOU, PI_3, PI_5, Views, crossed_in, emulated, faces, pictures, right, views

SIZE = InputSize(320, 256)
TOOLS = "aarch64-linux-gnu"
LOADED_BY_THE_PROCESS = {"expf", "memcpy", "memset", "TVMFFIErrorSetRaisedFromCStrParts"}
EM_AARCH64 = 183
LANES = {FP32: "4s", FP16: "8h"}
FP32_CLOSE = 1e-4
SCALES = {FP32: [1.0], FP16: [1.0, 0.4]}
Runs = Mapping[tuple[str, str], Future[list[Tensor]]]


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Model, static model and libraries for the Pi's CPU."""
    if shutil.which(f"{TOOLS}-ld") is None:
        missing(f"no linker for arm64: apt-get install binutils-{TOOLS}")
    return crossed_in(tmp_path_factory.mktemp("cross"), SIZE)


@pytest.fixture(scope="module")
def seen() -> dict[str, Views]:
    """What each library is shown: photos, for half precision smaller too, and a frame of the demo clip."""
    return {precision: views(pictures(scales, frames=1), SIZE) for precision, scales in SCALES.items()}


@pytest.fixture(scope="module")
def runs(artifacts: Artifacts, seen: dict[str, Views], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Precision and emulated CPU to what the library gives there; two at a time, since each keeps one core busy."""
    with ThreadPoolExecutor(2) as pool:

        def start(precision: str, cpu: str) -> Future[list[Tensor]]:
            library = artifacts.shipped(CORTEX_A76, precision)
            return pool.submit(emulated, library, cpu, seen[precision], tmp_path_factory.mktemp("run"))

        yield {asked: start(*asked) for asked in ((FP16, PI_5), (FP32, PI_3), (FP16, PI_3))}


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


def test_float32_computes_what_onnxruntime_does(artifacts: Artifacts, seen: dict[str, Views], runs: Runs) -> None:
    truth, ours = right(artifacts, seen[FP32]), outputs(runs[FP32, PI_3])
    assert [each.shape for each in ours] == [each.shape for each in truth]
    assert max(float(np.abs(one - other).max()) for one, other in zip(ours, truth, strict=True)) <= FP32_CLOSE


def test_half_precision_finds_the_faces_that_onnxruntime_does(
    artifacts: Artifacts, seen: dict[str, Views], runs: Runs
) -> None:
    truth, ours = right(artifacts, seen[FP16]), outputs(runs[FP16, PI_5])
    assert [(each.shape, each.dtype) for each in ours] == [(each.shape, each.dtype) for each in truth]
    found, wanted = faces(ours, seen[FP16], SIZE), faces(truth, seen[FP16], SIZE)
    assert sum(map(len, wanted)) >= 20, "too few faces to tell"
    assert min(map(least_iou, found, wanted)) >= CLOSE_IOU


def test_half_precision_is_not_for_older_cpus(runs: Runs) -> None:
    """Else it need not be a file of its own, and qemu would not tell one CPU from another."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        outputs(runs[FP16, PI_3])
    assert failed.value.returncode == -signal.SIGILL


def outputs(run: Future[list[Tensor]]) -> list[Tensor]:
    try:
        return run.result()
    except NotThereError as error:
        missing(str(error))
        raise


def tool(name: str, *arguments: str) -> str:
    return subprocess.run([f"{TOOLS}-{name}", *arguments], check=True, capture_output=True, text=True).stdout
