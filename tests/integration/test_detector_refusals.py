"""What the detector refuses to start with: a model that is none, and settings that cannot be."""

from pathlib import Path

import pytest

from tests import processes
from tests.places import CACHE, MODELS


def refused(folder: Path, **settings: str) -> str:
    return processes.refused("detector", folder, **{"MODELS_DIR": str(MODELS), "CACHE_DIR": str(CACHE)} | settings)


def test_a_missing_model_is_answered_with_how_to_fetch_it(tmp_path: Path) -> None:
    said = refused(tmp_path, MODELS_DIR=str(tmp_path))

    assert said.startswith(f"facewire: missing model {tmp_path}/")
    assert said.endswith(f"run `python -m facewire.models fetch {tmp_path}`")


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("DETECTOR_BACKEND", "cuda", "Must be one of: auto, "),
        ("DETECTOR_INPUT", "300x200", "both sides must be multiples of 32"),
        ("DETECT_EVERY", "0", "greater than or equal to 1"),
        ("DETECT_EVERY", "often", "valid integer"),
        ("DETECT_HOT_C", "200", "less than or equal to 110"),
        ("CACHE_DIR", "/proc/facewire", "cannot be made"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(tmp_path: Path, name: str, value: str, complaint: str) -> None:
    said = refused(tmp_path, **{name: value})

    assert said.startswith(f"facewire: {name}: ")
    assert complaint in said


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "face_detection_yunet_2023mar.onnx"
    model.write_bytes(b"not a model")

    said = refused(tmp_path, MODELS_DIR=str(tmp_path), CACHE_DIR=str(tmp_path / "cache"))

    assert said.startswith(f"facewire: {model} is wrong: expected sha256 8f2383e4")
