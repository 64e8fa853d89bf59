"""Make the detector's files in a folder of its own, as set-up and the image's build do: a process a step."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from detector.artifacts import Artifacts
from detector.geometry import InputSize

from facewire.models import model_path
from tests.places import MODELS, ROOT


def artifacts_in(folder: Path, size: InputSize) -> Artifacts:
    """Return the names of the files of a model at a size, none made yet but the model itself."""
    (folder / "models").mkdir()
    (folder / "cache").mkdir()
    shutil.copy(model_path(MODELS, "yunet"), folder / "models")
    return Artifacts(model_path(folder / "models", "yunet"), size, 1, folder / "cache")


def make(artifacts: Artifacts, *step: str) -> None:
    places = {"MODELS_DIR": str(artifacts.model.parent), "CACHE_DIR": str(artifacts.cache)}
    environment = os.environ | places | {"DETECTOR_INPUT": str(artifacts.size), "DETECTOR_THREADS": "1"}
    command = [sys.executable, "-m", "detector", *step]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
