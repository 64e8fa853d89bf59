"""Run the Pi's libraries under qemu; `python -m tests.integration.crossed` prints how far half precision is off.

It takes some three minutes, for many pictures at each input size; `test_detector_cross` takes fewer, at one.
"""

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from capture.demo.truth import CLIP
from detector.agreement import FAINT, least_iou
from detector.artifacts import Artifacts
from detector.backends import open_onnxruntime
from detector.families.yunet import yunet
from detector.geometry import Canvas, InputSize, Letterbox, LetterboxCanvas, Tensor
from detector.photo import check_photo
from detector.precision import FP16, PRECISIONS
from detector.shipping import CORTEX_A76

from facewire.messages import Face
from facewire.pixels import Picture
from tests.emulation import run_python
from tests.integration.making import artifacts_in, make
from tests.places import DEMO, MODELS

# float32 must run on the Pi 3's, which knows ARMv8.0 only; half precision is for the Pi 5's.
PI_3, PI_5 = "cortex-a53", "cortex-a76"
INFER = """
import sys, numpy as np
from pathlib import Path
from detector.backends import open_tvm
backend = open_tvm(Path(sys.argv[1]), 1)
outputs = [[np.array(each) for each in backend.infer(canvas)] for canvas in np.load(sys.argv[2])]
np.savez(sys.stdout.buffer, *map(np.stack, zip(*outputs)))
"""
SIZES = (InputSize(320, 256), InputSize(320, 192), InputSize(640, 480))
SCALES = (1.0, 0.8, 0.6, 0.45, 0.3)
FRAMES = 15
FRAMES_APART = 7
CLOSE_IOU = 0.97
LONGEST_S = 900.0


@dataclass(frozen=True, slots=True)
class Views:
    """Pictures as the network takes them, (N, 1, height, width, 3) uint8 BGR, and how each lies in its canvas."""

    canvases: Canvas
    placements: Sequence[Letterbox]


def main() -> None:
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            artifacts = crossed_in(Path(folder), size)
            seen = views(pictures(SCALES, FRAMES), size)
            truth = right(artifacts, seen)
            ours = emulated(artifacts.shipped(CORTEX_A76, FP16), PI_5, seen, Path(folder), LONGEST_S)
        found, wanted = faces(ours, seen, size), faces(truth, seen, size)
        overlaps = list(map(least_iou, found, wanted))
        scores = max(float(np.abs(one - other).max()) for one, other in zip(ours[:6], truth[:6], strict=True))
        below = [round(each, 2) for each in overlaps if each < CLOSE_IOU]
        least = min(each for each in overlaps if each >= CLOSE_IOU)
        count = sum(map(len, wanted))
        print(f"{size}: {len(wanted)} pictures, {count} faces, class and objectness off by up to {scores:.4f}")
        print(f"  boxes: IoU at least {least:.4f}, but for {below}")


def crossed_in(folder: Path, size: InputSize) -> Artifacts:
    """Make model, static model and libraries for the Pi's CPU."""
    made = artifacts_in(folder, size)
    make(made, "static")
    for precision in PRECISIONS:
        make(made, "compile", "--target", CORTEX_A76, "--precision", precision)
    return made


def right(artifacts: Artifacts, seen: Views) -> list[Tensor]:
    reference = open_onnxruntime(artifacts.static_model, 1)
    return [np.stack(each) for each in zip(*(reference.infer(canvas) for canvas in seen.canvases), strict=True)]


def emulated(library: Path, cpu: str, seen: Views, folder: Path, within_s: float = 240) -> list[Tensor]:
    """Return the outputs that a library gives on an emulated CPU, (N, 1, cells, channels) each."""
    np.save(folder / "canvases.npy", seen.canvases)
    written = run_python(cpu, INFER, str(library), str(folder / "canvases.npy"), within_s=within_s)
    arrays = np.load(io.BytesIO(written))
    return [arrays[name] for name in arrays.files]


def faces(outputs: Sequence[Tensor], seen: Views, size: InputSize) -> list[tuple[Face, ...]]:
    """Return each picture's faces, faint ones too."""
    decode = yunet(size).decode
    return [decode([each[at] for each in outputs], placed, FAINT) for at, placed in enumerate(seen.placements)]


def pictures(scales: Sequence[float], frames: int) -> list[Picture]:
    """Return the check photo, photos at several sizes within the same frame, and some frames of the demo clip."""
    photos = [np.asarray(cv2.imread(str(path)), np.uint8) for path in sorted(MODELS.glob("sample*.jpg"))]
    clip = cv2.VideoCapture(str(DEMO / CLIP))
    shown = [np.asarray(clip.read()[1], np.uint8) for _ in range(frames * FRAMES_APART)]
    small = [shrunk(photo, scale) for scale in scales for photo in photos]
    return [check_photo(MODELS), *small, *shown[::FRAMES_APART]]


def shrunk(photo: Picture, scale: float) -> Picture:
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = np.zeros_like(photo)
    frame[: small.shape[0], : small.shape[1]] = small
    return frame


def views(seen: Sequence[Picture], size: InputSize) -> Views:
    filled = [LetterboxCanvas(size).fill(each) for each in seen]
    return Views(np.stack([canvas for canvas, _ in filled]), [placed for _, placed in filled])


if __name__ == "__main__":
    main()
