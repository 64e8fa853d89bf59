"""What the tracker is told by its environment."""

from dataclasses import dataclass
from typing import Annotated, get_args

from marshmallow.fields import Float, Integer, String
from marshmallow.validate import OneOf, Range

from facewire.settings import SCORE, LayoutSettings, Told
from tracker.sources import Kind


@dataclass(frozen=True, kw_only=True)
class TrackerSettings(LayoutSettings):
    """Settings of the tracker; see its README."""

    max_faces: Annotated[int, Told(Integer(validate=Range(1, 50)), 5)] = 5
    birth_score: Annotated[float, Told(SCORE, 0.55)] = 0.55
    count_score: Annotated[float, Told(SCORE, 0.7)] = 0.7
    confirm_hits: Annotated[int, Told(Integer(validate=Range(1, 20)), 2)] = 2
    coast_s: Annotated[float, Told(Float(validate=Range(0.1, 30)), 1.0)] = 1.0
    return_within_s: Annotated[float, Told(Float(validate=Range(0, 3600)), 20.0)] = 20.0
    tracker: Annotated[Kind, Told(String(validate=OneOf(get_args(Kind))), "flow")] = "flow"
