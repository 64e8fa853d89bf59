"""The photo by which backends are held against the reference, on every host the same."""

from pathlib import Path

import cv2
import numpy as np

from facewire.models import model_path
from facewire.pixels import Picture
from facewire.settings import stop_operator

NAME = "sample6"
"""Four faces, a fifth of the picture's height each, found by YuNet at every input size with scores near 0.9."""


def check_photo(models_dir: Path) -> Picture:
    """Return the photo, (768, 960, 3) uint8 BGR or about that; without it the process ends with exit code 2."""
    path = model_path(models_dir, NAME)
    photo = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_2)
    if photo is None:
        stop_operator(f"{path} cannot be read as a picture")
    return np.asarray(photo, np.uint8)
