"""ncnn: one network for every input size, and a clear word where it or its GPU cannot be used."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from detector import pnnx
from detector.artifacts import Artifacts
from detector.backends import KINDS, BackendError, ncnn
from detector.families.yunet import OUTPUTS
from detector.geometry import InputSize, LetterboxCanvas
from detector.pnnx import ConversionError, convert

from facewire.models import model_path
from tests.integration.making import artifacts_in, make
from tests.places import CACHE, MODELS, ROOT
from tests.servers import HUNG_S
from tests.vulkan import require_vulkan

SIZE = InputSize(320, 256)
OTHERS = (InputSize(320, 192), InputSize(640, 480), InputSize(96, 416))
PHOTO = MODELS / "sample1.jpg"


@pytest.fixture(scope="module")
def artifacts() -> Artifacts:
    return Artifacts(model_path(MODELS, "yunet"), SIZE, 1, CACHE)


@pytest.mark.parametrize("size", OTHERS, ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_network_made_at_one_size_is_right_at_another(
    size: InputSize, threads: int, artifacts: Artifacts, tmp_path: Path
) -> None:
    here = artifacts_in(tmp_path, size)
    make(here, "static")
    picture = cv2.imread(str(PHOTO))
    assert picture is not None
    canvas, _ = LetterboxCanvas(size).fill(np.asarray(picture))
    truth = KINDS["onnxruntime"].open(here.static_model, 1).infer(canvas)
    ours = KINDS["ncnn"].open(artifacts.net, threads).infer(canvas)
    assert tuple(each.shape for each in ours) == KINDS["ncnn"].family(size).shapes
    # float16 where the CPU has arithmetic for it.
    tolerance = 1e-4 if os.uname().machine == "x86_64" else 0.1
    assert max(float(np.abs(one - other).max()) for one, other in zip(ours, truth, strict=True)) <= tolerance


def test_outputs_outlive_the_next_call(artifacts: Artifacts) -> None:
    backend = KINDS["ncnn"].open(artifacts.net, 1)
    first = backend.infer(np.zeros((1, SIZE.height, SIZE.width, 3), np.uint8))
    kept = [each.copy() for each in first]
    backend.infer(np.full((1, SIZE.height, SIZE.width, 3), 200, np.uint8))
    assert all(np.array_equal(one, other) for one, other in zip(first, kept, strict=True))


def test_an_image_s_network_lies_beside_the_model(tmp_path: Path) -> None:
    artifacts = artifacts_in(tmp_path, SIZE)
    make(artifacts, "static")
    make(artifacts, "ncnn", "--target", "any")
    assert artifacts.shipped_net.exists()
    assert not artifacts.net.exists()
    assert not list(tmp_path.rglob("*.tmp"))


def test_without_pnnx_the_reason_is_said(artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pnnx, "find_spec", lambda _: None)
    with pytest.raises(ConversionError, match="pnnx is not installed"):
        convert(artifacts.static_model, OUTPUTS, tmp_path / "net.ncnn")
    assert list(tmp_path.iterdir()) == []


def test_what_pnnx_cannot_convert_leaves_nothing(
    artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A program that is there, and fails.
    (tmp_path / "pnnx").symlink_to("/bin/false")
    monkeypatch.setattr(pnnx, "_program", lambda: tmp_path / "pnnx")
    with pytest.raises(ConversionError, match="pnnx cannot convert"):
        convert(artifacts.static_model, OUTPUTS, tmp_path / "net.ncnn")
    assert not (tmp_path / "net.ncnn").exists()


@pytest.mark.parametrize("name", ["ncnn", "ncnn-vulkan"])
def test_without_the_package_the_reason_is_said(
    name: str, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)
    monkeypatch.delitem(sys.modules, "detector.backends.ncnn")
    with pytest.raises(BackendError, match="the package ncnn cannot be used"):
        KINDS[name].open(artifacts.net, 1)


def test_without_its_file_the_reason_is_said(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"none\.ncnn"):
        KINDS["ncnn"].open(tmp_path / "none.ncnn", 1)


def test_without_vulkan_s_loader_the_reason_is_said(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ncnn, "VULKAN_LOADER", "libvulkan-of-nobody.so.1")
    with pytest.raises(BackendError, match="libvulkan1 is missing"):
        KINDS["ncnn-vulkan"].open(artifacts.net, 1)


def test_without_a_driver_the_reason_is_said(artifacts: Artifacts, tmp_path: Path) -> None:
    require_vulkan()
    np.save(tmp_path / "canvas.npy", np.zeros((1, SIZE.height, SIZE.width, 3), np.uint8))
    files = (str(artifacts.net), "1", str(tmp_path / "canvas.npy"), str(tmp_path / "result.npz"))
    nowhere = {"VK_DRIVER_FILES": "/none.json", "VK_ICD_FILENAMES": "/none.json"}
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT}/services/detector"}
    command = [sys.executable, "-m", "detector.timing", "ncnn-vulkan", *files]
    done = subprocess.run(command, env=os.environ | nowhere | paths, capture_output=True, text=True, timeout=HUNG_S)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("no Vulkan device: ")


def test_no_gpu_no_access_and_no_driver_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "docker-compose.gpu.yml" in ncnn.why_no_device(tmp_path)
    (tmp_path / "renderD128").touch()
    assert "mesa-vulkan-drivers" in ncnn.why_no_device(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    group = (tmp_path / "renderD128").stat().st_gid
    assert f"group {group} only: RENDER_GID" in ncnn.why_no_device(tmp_path)
