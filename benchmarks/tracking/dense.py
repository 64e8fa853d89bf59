"""Find every face of a real clip, however faint: each frame at several sizes, as it is and mirrored, all together.

It is the reference for boxes that no face explains, and takes a minute for a minute of video; so it is kept.
"""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from detector.geometry import InputSize

from benchmarks.tracking.clips import Boxed, boxed
from benchmarks.tracking.detecting import Detector
from benchmarks.tracking.keeping import FOLDER, MODEL, opened, pictures
from facewire.messages import Face
from facewire.pixels import Picture

SCORE_FROM = 0.3
SIZES = (InputSize(320, 256), InputSize(480, 384), InputSize(640, 512), InputSize(960, 768))
"""From the detector's own size up to one at which faces of 10 px in a picture of VGA size are found."""


def dense(video: Path) -> Boxed:
    """Return all faces of a video; made once for each file and network.

    Raises:
        ClipError: it cannot be read.
    """
    file = FOLDER / f"{video.stem}-dense-{_made_from(video)}.npz"
    if not file.exists():
        print(f"bench: finding every face of {video.stem}", file=sys.stderr, flush=True)
        found = boxed(list(_found(video)))
        FOLDER.mkdir(parents=True, exist_ok=True)
        half_done = file.with_suffix(".tmp.npz")
        np.savez(half_done, frame=found.frame, xyxy=found.xyxy, share=found.share)
        for older in FOLDER.glob(f"{video.stem}-dense-" + "[0-9a-f]" * 12 + ".npz"):
            older.unlink()
        half_done.replace(file)
    with np.load(file) as kept:
        return Boxed(kept["frame"], np.full(len(kept["frame"]), -1), kept["xyxy"], kept["share"])


def _made_from(video: Path) -> str:
    digest = hashlib.sha256(repr((SCORE_FROM, SIZES, cv2.__version__)).encode())
    for file in (video, MODEL):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _found(video: Path) -> Iterator[tuple[int, int, tuple[float, ...], float]]:
    detectors = [Detector(MODEL, size, SCORE_FROM) for size in SIZES]
    with opened(video) as reader:
        for frame, picture in enumerate(pictures(reader)):
            for detector in detectors:
                yield from ((frame, -1, face.xyxy, face.score) for face in _both_ways(detector, picture))


def _both_ways(detector: Detector, picture: Picture) -> Iterator[Face]:
    """Yield the faces of a picture and of its mirror image, all where they are in the picture."""
    yield from detector.faces(picture)
    width = picture.shape[1]
    for face in detector.faces(np.ascontiguousarray(picture[:, ::-1])):
        left, top, right, bottom = face.xyxy
        yield replace(face, xyxy=(width - right, top, width - left, bottom))
