"""Make the clips once and keep them in `.facewire/bench`, each under a hash of what it is made from."""

import hashlib
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import capture.demo
import cv2
import detector.families
import numpy as np
from capture.demo.compose import SIZE

from benchmarks.tracking import stage
from benchmarks.tracking.clips import CLIP, Clip, Rows, boxed, save_clip
from benchmarks.tracking.detecting import Detector
from benchmarks.tracking.linking import linked
from benchmarks.tracking.scenes import Scene
from facewire.pixels import Picture
from runner.plan import KEPT

DETECT_EVERY = 5
"""What DETECT_EVERY is by default."""
VIDEO = "frames.mp4"
PHOTOS = KEPT / "models"
MODEL = PHOTOS / "face_detection_yunet_2023mar.onnx"
FOLDER = KEPT / "bench" / "tracking"


class ClipError(Exception):
    """A clip cannot be had; the text is one line that says why."""


def composed(scene: Scene, seed: int) -> Path:
    """Return the folder of a composed clip, with real detections on every fifth frame."""
    return _kept(f"{scene.name}-{seed}", repr(scene), lambda folder: _compose(scene, folder, _detected))


def composed_for_cost(scene: Scene) -> Path:
    """Return the folder of a clip on which time is measured: all its faces are given, on every fifth frame."""
    return _kept(f"{scene.name}-cost", f"cost {scene!r}", lambda folder: _compose(scene, folder, _given))


def real(video: Path) -> Path:
    """Return the folder of a video; its truth is what the detector finds in every frame, linked.

    Raises:
        ClipError: it cannot be read.
    """
    try:
        made_from = hashlib.sha256(video.read_bytes()).hexdigest()
    except OSError as error:
        raise ClipError(f"{video}: {error.strerror}") from error
    return _kept(video.stem, made_from, lambda _: _watch(video))


def _kept(name: str, made_from: str, make: Callable[[Path], Clip]) -> Path:
    """Return the clip's folder, made first where it is missing; older ones of this name go."""
    folder = FOLDER / f"{name}-{hashlib.sha256((made_from + _rules()).encode()).hexdigest()[:12]}"
    if (folder / CLIP).exists():
        return folder
    print(f"bench: making clip {name}", file=sys.stderr, flush=True)
    half_done = FOLDER / f".{folder.name}.tmp"
    shutil.rmtree(half_done, ignore_errors=True)
    half_done.mkdir(parents=True)
    try:
        save_clip(make(half_done), half_done)
        for older in FOLDER.glob(f"{name}-" + "[0-9a-f]" * 12):
            shutil.rmtree(older)
        half_done.replace(folder)
    finally:
        shutil.rmtree(half_done, ignore_errors=True)
    return folder


@cache
def _rules() -> str:
    """Return a hash of the code that clips are made with; the scenes themselves are hashed by value."""
    here = Path(__file__).parent
    sources = [here / name for name in ("stage.py", "detecting.py", "keeping.py", "linking.py")]
    for package in (capture.demo, detector.families):
        sources += sorted(Path(str(package.__file__)).parent.glob("*.py"))
    digest = hashlib.sha256(cv2.__version__.encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


@cache
def _stage() -> stage.Stage:
    return stage.build(PHOTOS, _detector().faces)


@cache
def _detector() -> Detector:
    return Detector(MODEL)


def _detected(picture: Picture, _: stage.Truth, frame: int) -> Rows:
    return [(frame, -1, face.xyxy, face.score) for face in _detector().faces(picture)]


def _given(_: Picture, truth: stage.Truth, frame: int) -> Rows:
    return [(frame, -1, xyxy, 0.9) for _, xyxy, _ in truth]


def _compose(scene: Scene, folder: Path, detect: Callable[[Picture, stage.Truth, int], Rows]) -> Clip:
    true: Rows = []
    found: Rows = []
    video, frames = folder / VIDEO, 0
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"mp4v"), scene.fps, SIZE)
    try:
        for picture, truth in stage.frames(_stage(), scene):
            writer.write(picture)
            true += [(frames, *face) for face in sorted(truth)]
            if frames % DETECT_EVERY == 0:
                found += detect(picture, truth, frames)
            frames += 1
    finally:
        writer.release()
    return Clip(video, scene.fps, frames, DETECT_EVERY, boxed(true), boxed(found))


def _watch(video: Path) -> Clip:
    with opened(video) as reader:
        fps = reader.get(cv2.CAP_PROP_FPS) or 25.0
        found: Rows = []
        frames = 0
        for picture in pictures(reader):
            found += _detected(picture, [], frames)
            frames += 1
    if not frames:
        raise ClipError(f"{video}: no frame can be read")
    everything = boxed(found)
    given = everything.chosen(everything.frame % DETECT_EVERY == 0)
    return Clip(video, fps, frames, DETECT_EVERY, linked(everything, frames), given)


@contextmanager
def opened(video: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video for reading.

    Raises:
        ClipError: it cannot be read.
    """
    reader = cv2.VideoCapture(str(video))
    try:
        if not reader.isOpened():
            raise ClipError(f"{video}: OpenCV cannot read it")
        yield reader
    finally:
        reader.release()


def pictures(reader: cv2.VideoCapture) -> Iterator[Picture]:
    """Yield all frames of a video, (H, W, 3) uint8 BGR."""
    while True:
        there, picture = reader.read()
        if not there:
            return
        yield np.asarray(picture, np.uint8)
