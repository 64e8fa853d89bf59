"""A library that an image brings is taken where it fits, and compiled where it does not."""

import platform
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from detector import preparation
from detector.artifacts import Artifacts
from detector.geometry import InputSize
from detector.host import cpu_name
from detector.precision import FP16, FP32
from detector.preparation import PreparationError, make_files
from detector.sealing import is_intact, seal
from detector.shipping import CORTEX_A76, take_shipped

SHIPPED = b"a library"


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    (tmp_path / "models").mkdir()
    (tmp_path / "cache").mkdir()
    model = tmp_path / "models" / "yunet.onnx"
    model.write_bytes(b"a model")
    made = Artifacts(model, InputSize(320, 256), 1, tmp_path / "cache")
    made.shipped(CORTEX_A76).write_bytes(SHIPPED)
    seal(made.shipped(CORTEX_A76))
    return made


def on(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)


def test_a_64_bit_arm_takes_a_copy(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    on("aarch64", monkeypatch)
    assert take_shipped(artifacts, FP32)
    assert artifacts.library(cpu_name()).read_bytes() == SHIPPED
    assert is_intact(artifacts.library(cpu_name()))
    assert [path.suffixes for path in artifacts.cache.glob("*.tmp*")] == []
    artifacts.library(cpu_name()).unlink()
    assert artifacts.shipped(CORTEX_A76).exists()


@pytest.mark.parametrize("machine", ["x86_64", "armv7l", "riscv64"])
def test_another_machine_takes_none(machine: str, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    on(machine, monkeypatch)
    assert not take_shipped(artifacts, FP32)
    assert list(artifacts.cache.iterdir()) == []


@pytest.mark.parametrize(("size", "threads"), [(InputSize(640, 480), 1), (InputSize(320, 256), 2)])
def test_other_settings_take_none(
    size: InputSize, threads: int, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    on("aarch64", monkeypatch)
    assert not take_shipped(Artifacts(artifacts.model, size, threads, artifacts.cache), FP32)


def test_a_spoiled_one_is_not_taken(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    on("aarch64", monkeypatch)
    artifacts.shipped(CORTEX_A76).write_bytes(SHIPPED[:-1])
    assert not take_shipped(artifacts, FP32)


def test_another_tvm_or_model_takes_none(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    on("aarch64", monkeypatch)
    assert f"tvm{version('apache-tvm')}" in artifacts.shipped(CORTEX_A76).name
    artifacts.model.write_bytes(b"another model")
    assert not take_shipped(artifacts, FP32)


STATIC, COMPILE, COMPILE_HALF, NET = "static", "compile --precision fp32", "compile --precision fp16", "ncnn"


@pytest.mark.parametrize(
    ("machine", "half", "steps"),
    [
        ("aarch64", False, [STATIC, NET]),
        ("aarch64", True, [STATIC, COMPILE_HALF, NET]),
        ("x86_64", False, [STATIC, COMPILE, NET]),
        ("x86_64", True, [STATIC, COMPILE, COMPILE_HALF, NET]),
    ],
)
def test_what_is_shipped_is_not_compiled(
    machine: str, *, half: bool, steps: list[str], artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    on(machine, monkeypatch)
    monkeypatch.setattr(preparation, "has_half_arithmetic", lambda: half)
    monkeypatch.setattr(preparation, "run_step", lambda *step: done.append(" ".join(step)))
    make_files(artifacts, lambda _: None)
    assert done == steps


def test_each_precision_has_its_own_file(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    on("aarch64", monkeypatch)
    assert not take_shipped(artifacts, FP16)
    artifacts.shipped(CORTEX_A76, FP16).write_bytes(SHIPPED + b" in half precision")
    seal(artifacts.shipped(CORTEX_A76, FP16))
    assert take_shipped(artifacts, FP32)
    assert take_shipped(artifacts, FP16)
    cpu = cpu_name()
    assert artifacts.file("tvm", cpu).read_bytes() == SHIPPED
    assert artifacts.file("tvm-fp16", cpu).read_bytes() == SHIPPED + b" in half precision"


@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_a_network_of_ncnn_s_is_taken_everywhere(
    machine: str, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    on(machine, monkeypatch)
    monkeypatch.setattr(preparation, "run_step", lambda step, *_: done.append(step))
    artifacts.shipped_net.write_bytes(SHIPPED)
    seal(artifacts.shipped_net)
    make_files(replace(artifacts, size=InputSize(640, 480), threads=2), lambda _: None)
    assert "ncnn" not in done
    assert artifacts.net.read_bytes() == SHIPPED
    assert is_intact(artifacts.net)


def test_what_cannot_be_made_is_said_and_the_rest_made(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    said: list[str] = []

    def run_step(step: str, *_: str) -> None:
        done.append(step)
        if step != "static":
            raise PreparationError(f"{step}: no tool")

    on("x86_64", monkeypatch)
    monkeypatch.setattr(preparation, "has_half_arithmetic", lambda: False)
    monkeypatch.setattr(preparation, "run_step", run_step)
    make_files(artifacts, said.append)
    assert done == ["static", "compile", "ncnn"]
    assert {"compile: no tool", "ncnn: no tool"} <= set(said)


def test_steps_need_nothing_that_only_the_service_needs() -> None:
    # The image's build does steps where psutil and onnxruntime are not installed.
    code = "import sys; sys.modules |= {'psutil': None, 'onnxruntime': None}; import detector.__main__"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
