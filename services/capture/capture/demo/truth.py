"""Keep what is true of every frame of the demo clip, for tests and benchmarks; needs no OpenCV."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewire.messages import Xyxy

CLIP = "demo.mp4"
TRUTH = "demo.truth.json"


@dataclass(frozen=True, slots=True)
class TrueFace:
    """One person's face in one frame.

    Args:
        person: the name in `capture.demo.cast`.
        xyxy: the face's box as YuNet frames it, in float pixels; parts may lie outside the picture.
        visible: share of the face, 0..1, that is neither covered by a nearer person nor outside.
    """

    person: str
    xyxy: Xyxy
    visible: float


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of the whole clip; `frames[i]` holds the faces of the i-th frame, from far to near."""

    made_from: str
    fps: int
    width: int
    height: int
    frames: tuple[tuple[TrueFace, ...], ...]


def load_truth(folder: Path) -> Truth:
    """Read the truth beside the clip in `folder`.

    Raises:
        OSError: there is no truth.
        ValueError: the file is not one that `save_truth` wrote.
    """
    try:
        told: dict[str, Any] = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
        frames = tuple(tuple(_face(*face) for face in faces) for faces in told.pop("frames"))
        return Truth(**told, frames=frames)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / TRUTH} is not the truth of a demo clip") from error


def save_truth(truth: Truth, folder: Path) -> None:
    """Write the truth beside the clip in one step: one line a frame, a face as [person, xyxy, visible]."""
    head = {"made_from": truth.made_from, "fps": truth.fps, "width": truth.width, "height": truth.height}
    frames = (
        json.dumps([[face.person, [round(side, 2) for side in face.xyxy], round(face.visible, 3)] for face in faces])
        for faces in truth.frames
    )
    text = json.dumps(head)[:-1] + ', "frames": [\n' + ",\n".join(frames) + "\n]}\n"
    half_done = folder / f".{TRUTH}.tmp"
    try:
        half_done.write_text(text, encoding="utf-8")
        half_done.replace(folder / TRUTH)
    finally:
        half_done.unlink(missing_ok=True)


def _face(person: str, xyxy: list[float], visible: float) -> TrueFace:
    left, top, right, bottom = xyxy
    return TrueFace(person, (left, top, right, bottom), visible)
