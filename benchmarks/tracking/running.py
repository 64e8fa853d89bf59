"""Worker: lead methods through clips, a frame at a time, and write down what they say and how long they take.

Runs in every method's environment, so only numpy and OpenCV are needed here, and OpenCV only for those that look.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.tracking.clips import Boxed, Boxes, Clip, Ints, load_clip

MS_PER_S = 1000

Shown = tuple[Ints, Boxes]
"""Who is where in a frame: ids (N,), boxes (N, 4)."""


@dataclass(frozen=True, slots=True)
class Given:
    """Detections of one frame, which may be in the past: boxes (M, 4) and scores (M,)."""

    frame: int
    xyxy: Boxes
    scores: NDArray[np.float64]


class Method(Protocol):
    """One way to follow faces; made anew for every clip."""

    looks: bool
    """Whether it wants pictures."""

    def prepare(self, frame: int, picture: Any) -> None:  # noqa: ANN401  OpenCV's array, or None
        """Get ready for the next frame: whatever is not tracking, and not timed."""
        ...

    def step(self, given: Given | None) -> Shown:
        """Follow the faces into the next frame, and take detections when there are any."""
        ...


def play(method: Method, clip: Clip, late: int) -> tuple[Boxed, NDArray[np.float64]]:
    """Lead a method through a clip.

    Args:
        method: fresh.
        clip: with the frames and the detections.
        late: how many frames after their own frame detections arrive.

    Returns:
        The tracks; and the processor's milliseconds for every frame.
    """
    pictures: Iterator[Any] = _pictures(clip) if method.looks else iter([None] * clip.frames)
    spent_ms = np.zeros(clip.frames)
    rows: list[tuple[Ints, Ints, Boxes]] = []
    for frame, picture in enumerate(pictures):
        of = frame - late
        rows_given = clip.detections.at(of)
        due = of >= 0 and of % clip.every == 0
        given = Given(of, clip.detections.xyxy[rows_given], clip.detections.share[rows_given]) if due else None
        method.prepare(frame, picture)
        # The processor's time, of all threads: what one core would need, whoever else is busy here.
        started_s = time.process_time()
        ids, xyxy = method.step(given)
        spent_ms[frame] = (time.process_time() - started_s) * MS_PER_S
        rows.append((np.full(len(ids), frame), ids, xyxy))
    frames, ids, boxes = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Boxed(frames, ids, boxes, np.ones(len(ids))), spent_ms


def _pictures(clip: Clip) -> Iterator[Any]:
    import cv2  # noqa: PLC0415  not every environment has it

    # One thread: others would decode ahead while a method works, and count as its time.
    reader = cv2.VideoCapture(str(clip.video), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    for _ in range(clip.frames):
        there, picture = reader.read()
        if not there:
            raise SystemExit(f"{clip.video} ends too early")
        yield picture
    reader.release()


def main(make: dict[str, Callable[[Clip], Method]]) -> None:
    """Be the worker of some methods: play every clip and leave the results in a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("method", choices=make)
    parser.add_argument("late", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    asked = parser.parse_args()
    for folder in asked.clips:
        clip = load_clip(folder)
        tracks, spent_ms = play(make[asked.method](clip), clip, asked.late)
        columns = {name: getattr(tracks, name) for name in ("frame", "ident", "xyxy", "share")}
        np.savez(asked.out / f"{folder.name}.npz", spent_ms=spent_ms, **columns)
