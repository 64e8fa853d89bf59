"""What capture is told by its environment."""

from pathlib import Path

from pydantic import Field, field_validator, model_validator

from capture.demo.truth import CLIP
from capture.sources import Source, parse_camera, parse_cameras
from facewire.settings import LayoutSettings


class CaptureSettings(LayoutSettings):
    """Settings of capture; see its README."""

    camera: str = Field("", repr=False, examples=["/dev/video0"])
    cameras: str = Field("", repr=False, examples=["door=rtsp://user:password@camera.lan/stream,hall=/dev/video0"])
    frame_width: int = Field(640, ge=64, le=3840, multiple_of=2, examples=[640])
    frame_fps: float = Field(30, ge=1, le=120, examples=[30])
    camera_timeout_s: float = Field(4.0, ge=1, le=30, examples=[4])
    loop: bool = Field(default=True, examples=["true"])
    demo_dir: Path = Field(Path("/opt/facewire/demo"), examples=["/opt/facewire/demo"])

    @field_validator("camera")
    @classmethod
    def _camera_is_a_source(cls, text: str) -> str:
        try:
            parse_camera(text)
        except ValueError as error:
            raise ValueError(f"it {error}") from None
        return text

    @field_validator("cameras")
    @classmethod
    def _cameras_are_sources(cls, text: str) -> str:
        if text.strip():
            parse_cameras(text)
        return text

    @model_validator(mode="after")
    def _one_of_both(self) -> "CaptureSettings":
        if self.camera.strip() and self.cameras.strip():
            raise ValueError("CAMERA and CAMERAS are both set: keep one of them")
        return self

    @property
    def sources(self) -> tuple[Source, ...]:
        """The cameras to capture."""
        return parse_cameras(self.cameras) if self.cameras.strip() else (parse_camera(self.camera),)

    @property
    def demo_clip(self) -> Path:
        """The file that the source `demo` plays."""
        return self.demo_dir / CLIP
