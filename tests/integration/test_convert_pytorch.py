"""A PyTorch network becomes a library that answers as it does: a reader's own, YuNet, SSDLite."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from detector.backends import open_tvm
from detector.backends.onnxruntime import OnnxRuntimeBackend
from detector.families.yunet import yunet
from detector.geometry import InputSize, LetterboxCanvas
from numpy.typing import NDArray

from facewire.boxes import iou
from tests.integration.converting import PHOTO, convert, converted, python_with_torch, refused
from tests.places import CACHE, MODELS, ROOT

SIZE = InputSize(320, 256)
GUIDE = (ROOT / "docs" / "convert.md").read_text(encoding="utf-8")
SMALL = """
import torch
from torch import nn

class Branching(nn.Module):
    def forward(self, picture):
        # The photo is dark at its border, noise is not.
        return picture * 2 if picture[..., :8, :].std() < 60 else picture - 1

class Unwritable(nn.Module):
    def forward(self, picture):
        return torch.fft.fft2(picture).real

class Uneven(nn.Module):
    def forward(self, picture):
        small = nn.functional.max_pool2d(picture, 2)
        return picture + nn.functional.interpolate(small, scale_factor=2.0)

class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 8, 3)
    def forward(self, picture):
        return self.layer(picture)

def not_a_module():
    return 5

def failing():
    raise LookupError("no such weights")
"""


@pytest.fixture(scope="module")
def python() -> Path:
    return python_with_torch()


def run(python: Path, folder: Path, code: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", code, *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_the_guide_is_right(python: Path, tmp_path: Path) -> None:
    module, use, *_ = code_blocks("python")
    (tmp_path / "my_network.py").write_text(module, encoding="utf-8")
    save = "import torch, my_network; torch.save({'model': my_network.Detector().state_dict()}, 'my_weights.pt')"
    run(python, tmp_path, save)
    line = next(line for line in code_blocks("sh")[0].splitlines() if " convert " in line)
    words = line.partition(" convert ")[2].split()
    done = converted(tmp_path, words[0], *words[1 : words.index("--photo")], python=python)
    finished = subprocess.run([sys.executable, "-c", use], cwd=done.folder, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    (description,) = done.folder.glob("*.json")
    described = json.loads(description.read_text(encoding="utf-8"))
    assert [(each["name"], each["shape"]) for each in described["outputs"]] == [
        *(("boxes", [1, 4, 64, 80]), ("scores", [1, 1, 64, 80])),
    ]
    assert [step["step"] for step in described["steps"]] == [
        "PyTorch",
        "static ONNX",
        "normalised ONNX",
        "TVM for host",
    ]
    assert described["versions"]["torch"]
    # Batch normalisation and hard-swish are part of the rest by now.
    assert described["steps"][-1]["relative_error"] <= 1e-5


def faces(tensors: Sequence[NDArray[np.float32]], photo: Path) -> NDArray[np.float64]:
    """Return the boxes (N, 4) of what a network found, from left to right."""
    picture = cv2.imread(str(photo))
    assert picture is not None
    _, placed = LetterboxCanvas(SIZE).fill(np.asarray(picture))
    boxes = np.array([face.xyxy for face in yunet(SIZE).decode(tensors, placed, 0.6)])
    return boxes[np.argsort(boxes[:, 0])]


def test_yunet_in_pytorch_finds_the_faces_that_the_original_finds(python: Path, tmp_path: Path) -> None:
    done = converted(tmp_path, "examples.yunet:network", "--input", str(SIZE), python=python)
    library = open_tvm(done.folder / f"yunet-network-{SIZE}-host-1t.so", 1)
    original = OnnxRuntimeBackend(next(CACHE.glob(f"*-{SIZE}.onnx")), 1)
    photos = sorted(MODELS.glob("sample*.jpg"))
    assert len(photos) >= 3, "scripts/setup test fetches them"
    for photo in photos:
        canvas, _ = LetterboxCanvas(SIZE).fill(np.asarray(cv2.imread(str(photo))))
        ours, right = (faces(backend.infer(canvas), photo) for backend in (library, original))
        assert len(ours) == len(right) > 0
        assert np.diag(iou(ours, right)).min() >= 0.99


def test_ssdlite_as_torchscript_becomes_a_library(python: Path, tmp_path: Path) -> None:
    save = (
        "import sys, torch; from examples.ssdlite import network\n"
        "torch.jit.trace(network(), torch.zeros(1, 3, 320, 320), strict=False).save(sys.argv[1])"
    )
    run(python, ROOT, save, str(tmp_path / "ssdlite.pt"))
    done = converted(
        tmp_path,
        "ssdlite.pt",
        "--input",
        "320x320",
        "--rgb",
        "--mean",
        "127.5",
        "--scale",
        "127.5",
        "--outputs",
        "boxes,classes",
        python=python,
    )
    described = json.loads((done.folder / "ssdlite-320x320-host-1t.json").read_text(encoding="utf-8"))
    assert [(each["name"], each["shape"]) for each in described["outputs"]] == [
        *(("boxes", [1, 3234, 4]), ("classes", [1, 3234, 91])),
    ]
    assert described["source"]["kind"] == "torchscript"
    assert len(described["steps"]) == 4


def test_a_network_that_branches_on_what_it_sees_is_refused(python: Path, tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(SMALL, encoding="utf-8")
    done = convert(tmp_path, "small:Branching", "--input", "32x32", python=python)
    assert done.code == 1
    assert "static ONNX disagrees with the network" in done.said[-1]
    assert done.files() == []


MISTAKES = {
    "no such module": (["smaller:Layers"], "there is no module smaller"),
    "no such attribute": (["small:Layer"], "small has no function Layer"),
    "not a module": (["small:not_a_module"], "small:not_a_module returns int; it must return a torch.nn.Module"),
    "its own error": (["small:failing"], "LookupError: no such weights"),
    "unsupported operator": (["small:Unwritable"], "PyTorch cannot write the network as ONNX"),
    "odd size": (["small:Uneven", "--input", "32x25"], "does not take a picture of 32x25"),
    "other weights": (
        ["small:Layers", "--checkpoint", "other.pt"],
        "does not fit the network: missing 2 (layer.weight",
    ),
    "code as weights": (["small:Layers", "--checkpoint", "code.pt"], "holds more than weights"),
    "checkpoint alone": (["other.pt"], "is not a TorchScript file"),
    "names too few": (["small:Layers", "--outputs", "a,b"], "--outputs names 2, but the network returns 1"),
}


@pytest.fixture(scope="module")
def complaints(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make every mistake, two at a time: each is mostly the import of PyTorch."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "small.py").write_text(SMALL, encoding="utf-8")
    run(python, folder, "import torch; torch.save({'x': torch.zeros(1)}, 'other.pt'); torch.save(print, 'code.pt')")

    def complaint(arguments: list[str]) -> str:
        options = ["--input", "32x32"] if "--input" not in arguments else []
        return refused(folder, *arguments, *options, python=python)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(MISTAKES, pool.map(complaint, (arguments for arguments, _ in MISTAKES.values())), strict=True))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake: str, complaints: dict[str, str]) -> None:
    assert MISTAKES[mistake][1] in complaints[mistake]


def test_the_photo_is_there() -> None:
    assert PHOTO.exists(), "scripts/setup test fetches it"
