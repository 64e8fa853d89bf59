"""A clip as every method gets it: a video, the detections that are given, and what is true of it.

Only numpy is needed here: it also runs in environments that have nothing of facewire's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLIP = "clip.npz"

Boxes = NDArray[np.float64]
"""(N, 4), `xyxy` pixels."""
Ints = NDArray[np.int64]
Rows = list[tuple[int, int, tuple[float, ...], float]]
"""Of (frame, ident, xyxy, share), as `Boxed` has them in columns."""


@dataclass(frozen=True, slots=True)
class Boxed:
    """Boxes of a whole clip, one a row.

    Args:
        frame: (N,) in which frame it is, from 0 and never falling.
        ident: (N,) whose it is; -1 where that is not said.
        xyxy: (N, 4).
        share: (N,) of a detection its score, of a true face how much of it is visible, both 0..1.
    """

    frame: Ints
    ident: Ints
    xyxy: Boxes
    share: NDArray[np.float64]

    def at(self, frame: int) -> slice:
        """Return the rows of a frame."""
        return slice(*np.searchsorted(self.frame, (frame, frame + 1)).tolist())

    def chosen(self, rows: NDArray[np.bool_]) -> "Boxed":
        """Return the chosen rows only, (N,) bool."""
        return Boxed(self.frame[rows], self.ident[rows], self.xyxy[rows], self.share[rows])


@dataclass(frozen=True, slots=True)
class Clip:
    """Everything about a clip.

    Args:
        video: what OpenCV reads the frames from.
        fps: frames a second.
        frames: how many there are.
        every: every how manieth frame is given to the detector.
        truth: where every face is.
        detections: what the detector found, in the frames that it was given.
    """

    video: Path
    fps: float
    frames: int
    every: int
    truth: Boxed
    detections: Boxed


def boxed(rows: Rows) -> Boxed:
    """Make columns of rows."""
    frame, ident, xyxy, share = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Boxed(
        np.array(frame, np.int64),
        np.array(ident, np.int64),
        np.array(xyxy, np.float64).reshape(-1, 4),
        np.array(share, np.float64),
    )


def save_clip(clip: Clip, folder: Path) -> None:
    """Write all but the video; a video in the folder itself is named relative to it."""
    video = clip.video.name if clip.video.parent == folder else str(clip.video.absolute())
    columns: dict[str, Any] = {
        f"{name}_{column}": getattr(getattr(clip, name), column)
        for name in ("truth", "detections")
        for column in ("frame", "ident", "xyxy", "share")
    }
    np.savez(folder / CLIP, video=video, fps=clip.fps, frames=clip.frames, every=clip.every, **columns)


def load_clip(folder: Path) -> Clip:
    """Read what `save_clip` wrote.

    Raises:
        OSError: it is not there.
    """
    with np.load(folder / CLIP) as kept:
        truth, detections = (
            Boxed(*(kept[f"{name}_{column}"] for column in ("frame", "ident", "xyxy", "share")))
            for name in ("truth", "detections")
        )
        counts = float(kept["fps"]), int(kept["frames"]), int(kept["every"])
        return Clip(folder / str(kept["video"]), *counts, truth, detections)
