"""Make a clip for each of several cameras: the demo clip at their rate, each from another moment on."""

from pathlib import Path

from capture.demo.truth import CLIP
from capture.opencv import cv2

from runner.plan import KEPT


def film(folder: Path, cameras: int, fps: int) -> dict[str, Path]:
    """Write the clips; real cameras do not all see a crowd at once either. Return them by the camera's name.

    Args:
        folder: where they go.
        cameras: their number.
        fps: frames a second of each.
    """
    clips = {f"c{number}": folder / f"c{number}.mp4" for number in range(1, cameras + 1)}
    for index, path in enumerate(clips.values()):
        _write(path, index / cameras, fps)
    return clips


def _write(path: Path, start: float, fps: int) -> None:
    """Write the demo clip, which loops without a seam, from a share of its length on and round to there."""
    source = cv2.VideoCapture(str(KEPT / "demo" / CLIP))
    length, step = int(source.get(cv2.CAP_PROP_FRAME_COUNT)), round(source.get(cv2.CAP_PROP_FPS) / fps)
    size = int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    first = round(start * length / step) * step
    source.set(cv2.CAP_PROP_POS_FRAMES, first)
    for index in range(first, first + length):
        if index == length:
            source.set(cv2.CAP_PROP_POS_FRAMES, 0)
        if index % step:
            source.grab()
            continue
        there, picture = source.read()
        if not there:
            raise SystemExit(f"{KEPT / 'demo' / CLIP} cannot be read: remove it, and run scripts/setup run")
        writer.write(picture)
    source.release()
    writer.release()
