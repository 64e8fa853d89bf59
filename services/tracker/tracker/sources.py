"""Choose what sees motion, by the name in the settings."""

from typing import Literal

from tracker.flow import FlowSource
from tracker.motion import BlindSource, MotionSource
from tracker.templates import MissingError, TemplateSource

__all__ = ["Kind", "MissingError", "source"]

Kind = Literal["flow", "kcf", "csrt", "kalman"]


def source(kind: Kind) -> MotionSource:
    """Return a source of motion.

    Raises:
        MissingError: the installed OpenCV has no such tracker.
    """
    if kind == "flow":
        return FlowSource()
    if kind == "kalman":
        return BlindSource()
    return TemplateSource(kind)
