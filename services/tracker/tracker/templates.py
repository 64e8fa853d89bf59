"""Follow each face with a tracker of OpenCV's own, KCF or CSRT, as the reference article does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from facewire.boxes import xyxy_to_cxcywh
from tracker.motion import Faces, Motion, View, nothing_seen

NAMES = {"kcf": "TrackerKCF", "csrt": "TrackerCSRT"}
# A belief that differs from what the tracker said last was corrected by a detection: begin anew from there.
CORRECTED_PX = 0.5
ZOOM_LIMIT = 0.1


class MissingError(Exception):
    """The installed OpenCV lacks the tracker; the text is one line for the operator."""


@dataclass(slots=True)
class Template:
    """One face's tracker, and the `cxcywh` (4,) in view pixels where it last saw the face."""

    tracker: Any
    place: np.ndarray[Any, np.dtype[np.float64]]


class TemplateSource:
    """Keeps a tracker for each face.

    Args:
        kind: which.

    Raises:
        MissingError: OpenCV has none of this kind.
    """

    sees = True

    def __init__(self, kind: Literal["kcf", "csrt"]) -> None:
        self._kind = kind
        self._make = _maker(kind)
        self._templates: dict[int, Template] = {}

    def apart(self) -> "TemplateSource":
        """Return a source for other faces."""
        return TemplateSource(self._kind)

    def motion(self, before: View, now: View, faces: Faces) -> Motion:
        """Update each face's tracker with the later view; the camera is said to rest."""
        moved = nothing_seen(len(faces.ids))
        places = xyxy_to_cxcywh(faces.xyxy * before.scale).astype(np.float64)
        known, self._templates = self._templates, {}
        for row, (face, place) in enumerate(zip(faces.ids.tolist(), places, strict=True)):
            template = known.get(face)
            if template is None or np.abs(template.place - place).max() > CORRECTED_PX:
                template = self._begun(before, place)
            after = _updated(template, now) if template else None
            if template is not None and after is not None:
                moved.shift[row] = (after[:2] - place[:2]) / before.scale
                moved.zoom[row] = np.clip(after[3] / place[3], 1 - ZOOM_LIMIT, 1 + ZOOM_LIMIT)
                moved.seen[row] = True
                # What the tracker's belief will be, rounding apart.
                template.place = np.concatenate((after[:2], place[2:] * moved.zoom[row]))
                self._templates[face] = template
        return moved

    def _begun(self, view: View, place: np.ndarray[Any, np.dtype[np.float64]]) -> Template | None:
        height, width = view.gray.shape
        low = np.clip(np.round(place[:2] - place[2:] / 2), 0, (width, height)).astype(int)
        high = np.clip(np.round(place[:2] + place[2:] / 2), 0, (width, height)).astype(int)
        if (high - low < 4).any():
            return None
        tracker = self._make()
        tracker.init(_colour(view), (*low.tolist(), *(high - low).tolist()))
        return Template(tracker, place)


def _updated(template: Template, view: View) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    there, (left, top, width, height) = template.tracker.update(_colour(view))
    if not there or width <= 0 or height <= 0:
        return None
    return np.array((left + width / 2, top + height / 2, width, height), np.float64)


def _colour(view: View) -> Any:  # noqa: ANN401  OpenCV's array
    return view.colour if view.colour.ndim == 3 else cv2.cvtColor(view.colour, cv2.COLOR_GRAY2BGR)


def _maker(kind: str) -> Callable[[], Any]:
    name = NAMES[kind]
    for module in (cv2, getattr(cv2, "legacy", None)):
        made = getattr(getattr(module, name, None), "create", None) or getattr(module, f"{name}_create", None)
        if made is not None:
            return made  # type: ignore[no-any-return]
    raise MissingError(
        f"TRACKER: {kind} needs OpenCV's contributed modules, which are not installed; "
        "install opencv-contrib-python-headless in place of opencv-python-headless, or say TRACKER=flow"
    )
