"""What capture is told by its environment."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from marshmallow import ValidationError
from marshmallow.fields import Boolean, Float, Integer, String
from marshmallow.validate import Range

from capture.demo.truth import CLIP
from capture.sources import Source, parse_camera, parse_cameras
from facewire.address import looks_cut
from facewire.given import oddity
from facewire.settings import PATH, LayoutSettings, Told


def _is_source(text: str) -> None:
    try:
        parse_camera(text)
    except ValueError as error:
        raise ValidationError(f"it {error}") from None


def _are_sources(text: str) -> None:
    try:
        if text.strip():
            parse_cameras(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _is_even(number: int) -> None:
    if number % 2:
        raise ValidationError("Must be even")


def _oddity(text: str) -> str:
    cut = "names a server and no picture of it: was it cut at a `$` or a `#`?"
    return oddity(text) or (cut if looks_cut(text) else "")


WIDTH = Integer(validate=[Range(64, 3840), _is_even])
SEVERAL = "door=rtsp://user:password@camera.lan/stream,hall=/dev/video0"


@dataclass(frozen=True, kw_only=True)
class CaptureSettings(LayoutSettings):
    """Settings of capture; see its README."""

    camera: Annotated[str, Told(String(validate=_is_source), "/dev/video0", "address", oddity=_oddity)] = field(
        default="", repr=False
    )
    cameras: Annotated[str, Told(String(validate=_are_sources), SEVERAL, "address", lines=True)] = field(
        default="", repr=False
    )
    frame_width: Annotated[int, Told(WIDTH, 640)] = 640
    frame_fps: Annotated[float, Told(Float(validate=Range(1, 120)), 30)] = 30.0
    camera_timeout_s: Annotated[float, Told(Float(validate=Range(1, 30)), 4)] = 4.0
    loop: Annotated[bool, Told(Boolean(), "true")] = True
    demo_dir: Annotated[Path, Told(PATH, "/opt/facewire/demo")] = Path("/opt/facewire/demo")

    def __post_init__(self) -> None:
        """Refuse two answers to one question."""
        if self.camera.strip() and self.cameras.strip():
            raise ValueError("CAMERA and CAMERAS are both set: keep one of them")

    @property
    def sources(self) -> tuple[Source, ...]:
        """The cameras to capture."""
        return parse_cameras(self.cameras) if self.cameras.strip() else (parse_camera(self.camera),)

    @property
    def demo_clip(self) -> Path:
        """The file that the source `demo` plays."""
        return self.demo_dir / CLIP
