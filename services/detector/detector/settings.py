"""What the detector is told by its environment."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from detector.backends import KINDS
from detector.geometry import InputSize
from facewire.messages import EVERY_LIMIT
from facewire.settings import Settings

STRIDE_PX = 32


def _number_or_auto(text: object) -> object:
    return None if text == "auto" else text


FramesPerDetection = Annotated[int | None, BeforeValidator(_number_or_auto)]
"""None is `auto`."""


class DetectorSettings(Settings):
    """Settings of the detector; see its README."""

    models_dir: Path = Field(Path("/opt/facewire/models"), examples=["/opt/facewire/models"])
    cache_dir: Path = Field(Path("/var/cache/facewire"), examples=["/var/cache/facewire"])
    detect_every: FramesPerDetection = Field(None, ge=1, le=EVERY_LIMIT, examples=["auto"])
    detect_every_max: int = Field(15, ge=1, le=EVERY_LIMIT, examples=[15])
    detect_hot_c: float = Field(75.0, ge=30, le=110, examples=[75])
    detect_busy_percent: float = Field(90.0, ge=20, le=101, examples=[90])
    thermal_dir: Path = Field(Path("/sys/class/thermal"), examples=["/sys/class/thermal"])
    detector_backend: str = Field("auto", examples=["auto"])
    detector_input: str = Field("320x256", pattern=r"^\d{2,4}x\d{2,4}$", examples=["320x256"])
    detector_threads: int = Field(1, ge=1, le=64, examples=[2])
    tuning_records: Path | None = Field(None, examples=["/var/cache/facewire/mine.json"])
    score_threshold: float = Field(0.5, gt=0, lt=1, examples=[0.5])

    @field_validator("detector_backend")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in {"auto", *KINDS}:
            raise ValueError(f"it must be one of: auto, {', '.join(KINDS)}")
        return name

    @field_validator("detector_input")
    @classmethod
    def _fits_the_strides(cls, text: str) -> str:
        if any(int(side) % STRIDE_PX or not int(side) for side in text.split("x")):
            raise ValueError(f"both sides must be multiples of {STRIDE_PX}")
        return text

    @property
    def input_size(self) -> InputSize:
        """The network's input in pixels."""
        width, height = self.detector_input.split("x")
        return InputSize(int(width), int(height))
