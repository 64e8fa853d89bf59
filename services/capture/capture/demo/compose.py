"""Compose the demo clip and its truth from photos: `python -m capture compose-demo PHOTOS OUT`."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from capture.demo.cast import CAST
from capture.demo.choreography import CLIP_S, FPS, HEIGHT_PX, HORIZON_PX, WIDTH_PX, Place, places
from capture.demo.room import draw_counter, draw_wall
from capture.demo.sprites import Level, Patch, blend, cut_out, draw
from capture.demo.truth import CLIP, TrueFace, Truth, load_truth, save_truth
from capture.demo.weather import Weather
from facewire.messages import Xyxy
from facewire.pixels import Picture

FRAMES = CLIP_S * FPS
HIDDEN_ALPHA = 128
"""A pixel counts as hidden where a nearer person's cut-out is at least this opaque, of 255."""
SIZE = (WIDTH_PX, HEIGHT_PX)


class ComposeError(Exception):
    """The clip cannot be composed; the text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Scenery:
    """All that is drawn once for the whole clip."""

    wall: Picture
    counter: Picture
    weather: Weather
    people: dict[str, tuple[Level, ...]]


def compose(photos: Path, folder: Path, say: Callable[[str], None], frames: int = FRAMES) -> bool:
    """Write the clip and its truth into `folder`, unless they are there and made from the same.

    Args:
        photos: folder of the photos that `capture.demo.cast` names.
        folder: where `demo.mp4` and `demo.truth.json` go.
        say: told how it goes.
        frames: how many frames to compose, from the clip's start.

    Returns:
        Whether anything had to be done.

    Raises:
        ComposeError: a photo is missing or broken, or the clip cannot be written.
        OSError: the folder cannot be written.
    """
    made_from = _fingerprint(photos, frames)
    if _is_current(folder, made_from):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    scenery = make_scenery(photos)
    half_done = folder / f".{CLIP}.tmp.mp4"
    try:
        faces = tuple(_write_clip(half_done, scenery, frames, say))
        half_done.replace(folder / CLIP)
    finally:
        half_done.unlink(missing_ok=True)
    # The truth comes last: without it, or with that of another clip, the clip is composed again.
    save_truth(Truth(made_from, FPS, WIDTH_PX, HEIGHT_PX, faces), folder)
    return True


def _fingerprint(photos: Path, frames: int) -> str:
    """Return a hash of everything that the clip depends on: photos, this code, OpenCV."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(f"{cv2.__version__} {frames}".encode())
    for path in [photos / name for name in sorted({person.photo for person in CAST})] + sources:
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except FileNotFoundError as error:
            raise ComposeError(
                f"missing photo {path.name} in {photos}: run `python -m facewire.models fetch {photos}`"
            ) from error
    return digest.hexdigest()


def _is_current(folder: Path, made_from: str) -> bool:
    try:
        return (folder / CLIP).is_file() and load_truth(folder).made_from == made_from
    except (OSError, ValueError):
        return False


def make_scenery(photos: Path) -> Scenery:
    """Cut out the people and draw the room.

    Raises:
        ComposeError: a photo cannot be read.
    """
    try:
        people = {person.name: cut_out(person, photos) for person in CAST}
    except ValueError as error:
        raise ComposeError(f"{error}: run `python -m facewire.models verify {photos}`") from error
    return Scenery(draw_wall(), draw_counter(), Weather(), people)


def _write_clip(
    path: Path, scenery: Scenery, frames: int, say: Callable[[str], None]
) -> Iterator[tuple[TrueFace, ...]]:
    """Write the clip; yields each frame's truth."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE)
    try:
        if not writer.isOpened():
            raise ComposeError(f"OpenCV cannot write {path.name} into {path.parent}: is that folder writable?")
        for frame in range(frames):
            if frame % (5 * FPS) == 0:
                say(f"demo clip: {100 * frame // frames} %")
            picture, faces = compose_frame(scenery, frame)
            writer.write(picture)
            yield faces
    finally:
        writer.release()
    # The writer does not tell when it fails: a full disk leaves a clip that cannot be read, or not to its end.
    if frame_count(path) != frames:
        raise ComposeError(f"the clip could not be written into {path.parent}: is the disk full?")


def frame_count(clip: Path) -> int:
    """Return how many frames a clip has; 0 for one that cannot be read."""
    reader = cv2.VideoCapture(str(clip))
    try:
        return int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
    finally:
        reader.release()


def compose_frame(scenery: Scenery, frame: int) -> tuple[Picture, tuple[TrueFace, ...]]:
    """Return one frame, (HEIGHT_PX, WIDTH_PX, 3) uint8 BGR, and the faces in it from far to near."""
    at_s = frame / FPS
    there = places(at_s)
    patches = [draw(scenery.people[place.person.name], place, SIZE) for place in there]
    picture = scenery.wall.copy()
    for patch in patches:
        if patch is not None:
            blend(picture, patch)
    picture[HORIZON_PX:] = scenery.counter
    return scenery.weather.apply(picture, frame, at_s), tuple(_true_faces(there, patches))


def _true_faces(there: list[Place], patches: list[Patch | None]) -> Iterator[TrueFace]:
    for index, place in enumerate(there):
        xyxy = place.face_box()
        share = _visible(xyxy, patches[index + 1 :])
        if share is not None:
            yield TrueFace(place.person.name, xyxy, share)


def _visible(xyxy: Xyxy, nearer: list[Patch | None]) -> float | None:
    """Return which share of the box is neither outside nor covered by `nearer`; None for a box wholly outside."""
    left, top, right, bottom = (round(side) for side in xyxy)
    rows, columns = slice(max(0, top), max(0, bottom)), slice(max(0, left), max(0, right))
    free = np.ones((HEIGHT_PX, WIDTH_PX), np.bool_)
    if free[rows, columns].size == 0:
        return None
    for patch in nearer:
        if patch is not None:
            free[patch.area] &= patch.pixels[..., 3] < HIDDEN_ALPHA
    return float(np.count_nonzero(free[rows, columns])) / ((bottom - top) * (right - left))
