"""What the detector is told by its environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from marshmallow import ValidationError
from marshmallow.fields import Float, Function, Integer, String
from marshmallow.validate import OneOf, Range

from detector.backends import KINDS
from detector.geometry import InputSize
from facewire.messages import EVERY_LIMIT
from facewire.settings import PATH, SCORE, Settings, Told

STRIDE_PX = 32
FRAMES = Integer(validate=Range(1, EVERY_LIMIT))


def _frames_or_auto(text: str) -> int | None:
    return None if text == "auto" else FRAMES.deserialize(text)


def _fits_the_strides(text: str) -> None:
    if re.fullmatch(r"[0-9]{2,4}x[0-9]{2,4}", text) is None:
        raise ValidationError("Must be WIDTHxHEIGHT in pixels")
    if any(int(side) % STRIDE_PX or not int(side) for side in text.split("x")):
        raise ValidationError(f"both sides must be multiples of {STRIDE_PX}")


@dataclass(frozen=True, kw_only=True)
class DetectorSettings(Settings):
    """Settings of the detector; see its README."""

    models_dir: Annotated[Path, Told(PATH, "/opt/facewire/models")] = Path("/opt/facewire/models")
    cache_dir: Annotated[Path, Told(PATH, "/var/cache/facewire")] = Path("/var/cache/facewire")
    detect_every: Annotated[int | None, Told(Function(deserialize=_frames_or_auto), "auto")] = None
    """None is `auto`."""
    detect_every_max: Annotated[int, Told(FRAMES, 15)] = 15
    detect_hot_c: Annotated[float, Told(Float(validate=Range(30, 110)), 75)] = 75.0
    detect_busy_percent: Annotated[float, Told(Float(validate=Range(20, 101)), 90)] = 90.0
    thermal_dir: Annotated[Path, Told(PATH, "/sys/class/thermal")] = Path("/sys/class/thermal")
    detector_backend: Annotated[str, Told(String(validate=OneOf(("auto", *KINDS))), "auto")] = "auto"
    detector_input: Annotated[str, Told(String(validate=_fits_the_strides), "320x256")] = "320x256"
    detector_threads: Annotated[int, Told(Integer(validate=Range(1, 64)), 2)] = 1
    tuning_records: Annotated[Path | None, Told(PATH, "/var/cache/facewire/mine.json")] = None
    score_threshold: Annotated[float, Told(SCORE, 0.5)] = 0.5

    @property
    def input_size(self) -> InputSize:
        """The network's input in pixels."""
        width, height = self.detector_input.split("x")
        return InputSize(int(width), int(height))


def library_environment() -> Mapping[str, str]:
    """Return the variables of this process, which native libraries read by themselves."""
    return os.environ
