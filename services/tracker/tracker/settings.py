"""What the tracker is told by its environment."""

from pydantic import Field

from facewire.settings import LayoutSettings
from tracker.sources import Kind


class TrackerSettings(LayoutSettings):
    """Settings of the tracker; see its README."""

    max_faces: int = Field(5, ge=1, le=50, examples=[5])
    birth_score: float = Field(0.55, gt=0, lt=1, examples=[0.55])
    count_score: float = Field(0.7, gt=0, lt=1, examples=[0.7])
    confirm_hits: int = Field(2, ge=1, le=20, examples=[2])
    coast_s: float = Field(1.0, ge=0.1, le=30, examples=[1.0])
    return_within_s: float = Field(20.0, ge=0, le=3600, examples=[20.0])
    tracker: Kind = Field("flow", examples=["flow"])
