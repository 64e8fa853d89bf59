"""Find out that a camera lies on its side or hangs upside down: faces are then found only in the turned picture."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from facewire.messages import Detections, Frame
from facewire.pixels import picture

CHECK_EVERY_S = 10.0
"""One more detection in so long costs nothing that counts."""
CERTAIN_SCORE = 0.85
HITS, MOST_HITS = 3, 6
"""Somebody who lies on a sofa is found once; in a camera that is turned faces are found so again and again."""
TURNS = {
    cv2.ROTATE_180: "upside down",
    cv2.ROTATE_90_CLOCKWISE: "by a quarter to the left",
    cv2.ROTATE_90_COUNTERCLOCKWISE: "by a quarter to the right",
}


@dataclass(slots=True)
class _Camera:
    checked_s: float
    turns: list[int] = field(default_factory=lambda: [*TURNS])
    hits: dict[int, int] = field(default_factory=lambda: dict.fromkeys(TURNS, 0))


class TurnedCameras:
    """Looks now and then for faces in the turned pictures of cameras that show no certain one upright.

    Args:
        find: returns the faces of a frame.
        note: shows a line of text under a name; an empty one takes it away.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        find: Callable[[Frame], Detections],
        note: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._note = note
        self._clock = clock
        self._cameras: dict[str, _Camera] = {}

    def check(self, frame: Frame, upright: Detections) -> None:
        """Take a frame and what was found in it; every few seconds, look at it turned.

        Raises:
            BackendError: the network failed.
        """
        now_s = self._clock()
        camera = self._cameras.setdefault(frame.camera, _Camera(now_s))
        if _is_certain(upright):
            # Taken back one by one: in a turned picture, too, something may look like a face.
            camera.hits = {turn: max(0, hits - 1) for turn, hits in camera.hits.items()}
        elif now_s - camera.checked_s >= CHECK_EVERY_S:
            camera.checked_s = now_s
            self._look(camera, frame)
        else:
            return
        likeliest = max(TURNS, key=lambda turn: camera.hits[turn])
        text = f"seems to be turned {TURNS[likeliest]}: turn the camera, or the picture in its settings"
        self._note(f"{frame.camera} picture", text if camera.hits[likeliest] >= HITS else "")

    def _look(self, camera: _Camera, frame: Frame) -> None:
        turn = camera.turns.pop(0)
        found = _is_certain(self._find(turned(frame, turn)))
        # The turn in which faces were found is looked at again next.
        camera.turns.insert(0 if found else len(camera.turns), turn)
        if found:
            camera.hits[turn] = min(MOST_HITS, camera.hits[turn] + 1)


def turned(frame: Frame, turn: int) -> Frame:
    """Return a frame whose picture is turned as OpenCV's `rotate` does."""
    shown = cv2.rotate(np.asarray(picture(frame)), turn)
    return replace(frame, width=shown.shape[1], height=shown.shape[0], data=shown.tobytes())


def _is_certain(found: Detections) -> bool:
    return any(face.score >= CERTAIN_SCORE for face in found.faces)
