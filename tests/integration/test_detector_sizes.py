"""At every input size that the README names, the compiled network gives what onnxruntime gives."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from detector.backends import KINDS
from detector.geometry import InputSize, LetterboxCanvas
from detector.host import cpu_name

from tests.integration.making import artifacts_in, make
from tests.places import MODELS

SIZES = (InputSize(320, 256), InputSize(320, 192), InputSize(640, 480))
PHOTO = MODELS / "sample1.jpg"


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_tvm_agrees_with_onnxruntime(size: InputSize, tmp_path: Path) -> None:
    artifacts = artifacts_in(tmp_path, size)
    make(artifacts, "static")
    make(artifacts, "compile")
    files = {"onnxruntime": artifacts.static_model, "tvm": artifacts.library(cpu_name())}
    picture = cv2.imread(str(PHOTO))
    assert picture is not None
    canvas, _ = LetterboxCanvas(size).fill(np.asarray(picture))
    truth, ours = ([np.array(each) for each in KINDS[name].open(path, 1).infer(canvas)] for name, path in files.items())
    assert [each.shape for each in ours] == [each.shape for each in truth]
    assert max(float(np.abs(one - other).max()) for one, other in zip(ours, truth, strict=True)) <= 1e-3
