"""Draw a scene: the demo clip's people, room and weather, and the truth beside every frame."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from capture.demo.cast import CAST, Person
from capture.demo.choreography import HEIGHT_PX, HORIZON_PX, WIDTH_PX, Place, interpolate
from capture.demo.compose import HIDDEN_ALPHA, SIZE
from capture.demo.room import draw_counter, draw_wall
from capture.demo.sprites import Level, Patch, blend, cut_out, draw
from capture.demo.weather import Weather
from numpy.typing import NDArray

from benchmarks.tracking.scenes import Actor, Scene, Visit
from facewire.messages import Face, Xyxy
from facewire.pixels import Picture

TWIN_BRIGHTNESS = 0.72
LEDGE_PX = 26
"""How thick the ledge before a far row is; the nearest is the counter and reaches to the picture's end."""
STEP_PX = 46.0
"""As in `capture.demo.choreography`."""
FRAMED_AT_PX = (42.0, 50.0, 58.0, 66.0, 74.0, 82.0)
FRAMED_AT_X_PX = (150.0, 231.0, 322.0, 413.0)
"""Heights and places at which it is measured how the detector frames a face."""

Truth = list[tuple[int, Xyxy, float]]
"""Whose face (place in the scene), its box as YuNet frames it, and which share of it is visible."""
Covered = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stage:
    """All that is drawn once for all scenes: a room three pictures wide, and everybody in every look."""

    wall: Picture
    counter: Picture
    weather: Weather
    looks: tuple[tuple[Level, ...], ...]
    framing: tuple[NDArray[np.float64], ...]


def build(photos: Path, detect: Callable[[Picture], Sequence[Face]]) -> Stage:
    """Draw the room and cut the people out of their photos.

    Args:
        photos: their folder.
        detect: finds faces in a picture, (HEIGHT_PX, WIDTH_PX, 3) uint8 BGR.

    Raises:
        ValueError: a photo cannot be read.
    """
    wall, counter = draw_wall(), draw_counter()
    people = [cut_out(person, photos) for person in CAST]
    everybody = [*people, *map(_twin, people)]
    framing = [_framing(wall, look, person, detect) for look, person in zip(everybody, (*CAST, *CAST), strict=True)]
    # One more time around, for crowds.
    return Stage(_wide(wall), _wide(counter), Weather(), (*everybody, *everybody), (*framing, *framing))


def _framing(
    wall: Picture, look: tuple[Level, ...], person: Person, detect: Callable[[Picture], Sequence[Face]]
) -> NDArray[np.float64]:
    """Return by how much the detector frames somebody's small face otherwise than the cast says, (4,) in its heights.

    The cast's boxes were found in the photos, where faces are three times as large. A bias of the detector's is not
    a tracker's mistake, and would hide what is: it is 4 % of the height on the average.
    """
    offsets = []
    for height_px in FRAMED_AT_PX:
        for x_px in FRAMED_AT_X_PX:
            picture = wall.copy()
            place = Place(person, x_px, _chin_px(person, HORIZON_PX, x_px, height_px), height_px)
            patch = draw(look, place, SIZE)
            if patch is not None:
                blend(picture, patch)
            true = np.array(place.face_box())
            offsets += [(np.array(face.xyxy) - true) / height_px for face in detect(picture)[:1]]
    if not offsets:
        raise ValueError(f"the detector does not find {person.name}")
    return np.asarray(np.median(offsets, axis=0))


def frames(stage: Stage, scene: Scene) -> Iterator[tuple[Picture, Truth]]:
    """Yield every frame of a scene, (HEIGHT_PX, WIDTH_PX, 3) uint8 BGR, and its truth."""
    for frame in range(round(scene.seconds * scene.fps)):
        at_s = frame / scene.fps
        picture, truth = _drawn(stage, scene, at_s)
        yield stage.weather.apply(picture, frame, at_s), truth


def _drawn(stage: Stage, scene: Scene, at_s: float) -> tuple[Picture, Truth]:
    pan_px = _moment(scene.pan, at_s)[0] if scene.pan else 0.0
    picture, counter = _cut(stage.wall, pan_px), _cut(stage.counter, pan_px)
    rows = [_people(stage, scene, row, at_s, pan_px) for row in range(len(scene.ledges_px))]
    for ledge, people in zip(_ledges(scene), rows, strict=True):
        for person in people:
            if person.patch is not None:
                blend(picture, person.patch)
        picture[ledge] = counter[: ledge.stop - ledge.start]
    for left, right in scene.pillars_px:
        picture[:, left:right] = _pillar(stage, right - left)
    return picture, _truth(stage, scene, rows)


def _truth(stage: Stage, scene: Scene, rows: list[list["_Drawn"]]) -> Truth:
    """Go from near to far, and see what is left of each face."""
    covered = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
    for left, right in scene.pillars_px:
        covered[:, left:right] = True
    found = []
    for ledge, people in zip(reversed(_ledges(scene)), reversed(rows), strict=True):
        covered[ledge] = True
        for person in reversed(people):
            offset = stage.framing[scene.actors[person.actor].look] * person.place.height_px
            xyxy = _xyxy(np.array(person.place.face_box()) + offset)
            found.append((person.actor, xyxy, _visible(xyxy, covered)))
            if person.patch is not None:
                covered[person.patch.area] |= person.patch.pixels[..., 3] >= HIDDEN_ALPHA
    return found


def _xyxy(box: NDArray[np.float64]) -> Xyxy:
    left, top, right, bottom = box.tolist()
    return left, top, right, bottom


def _visible(xyxy: Xyxy, covered: Covered) -> float:
    left, top, right, bottom = (round(side) for side in xyxy)
    seen = covered[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    return float(np.count_nonzero(~seen)) / ((bottom - top) * (right - left))


def _ledges(scene: Scene) -> list[slice]:
    """Return the rows of pixels that each ledge takes up."""
    far = [slice(top, top + LEDGE_PX) for top in scene.ledges_px[:-1]]
    return [*far, slice(scene.ledges_px[-1], HEIGHT_PX)]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Somebody in one frame: which of the scene's actors, where, and their cut-out."""

    actor: int
    place: Place
    patch: Patch | None


def _people(stage: Stage, scene: Scene, row: int, at_s: float, pan_px: float) -> list[_Drawn]:
    """Return the people of a row, from far to near."""
    there = sorted(_there(scene, row, at_s, pan_px), key=lambda each: each[1].height_px)
    return [_Drawn(index, place, draw(stage.looks[scene.actors[index].look], place, SIZE)) for index, place in there]


def _there(scene: Scene, row: int, at_s: float, pan_px: float) -> Iterator[tuple[int, Place]]:
    for index, actor in enumerate(scene.actors):
        visit = _visit(actor, at_s)
        if actor.row == row and visit:
            yield index, _place(actor, visit, at_s, scene.ledges_px[row], pan_px)


def _place(actor: Actor, visit: Visit, at_s: float, ledge_px: int, pan_px: float) -> Place:
    person = CAST[actor.look % len(CAST)]
    x_px, height_px = _moment(visit, at_s)
    return Place(person, x_px - pan_px, _chin_px(person, ledge_px, x_px, height_px), height_px)


def _chin_px(person: Person, ledge_px: int, x_px: float, height_px: float) -> float:
    """Return how high the chin is, as `capture.demo.choreography` has it: bodies end at the ledge, and heads nod."""
    nod = 0.02 * height_px * math.sin(2 * math.pi * x_px * 100 / (height_px * STEP_PX))
    return ledge_px - (person.shown_heights - 0.06) * height_px + nod


def _visit(actor: Actor, at_s: float) -> Visit:
    return next((keys for keys in actor.visits if keys[0].at_s <= at_s < keys[-1].at_s), ())


def _moment(keys: Visit, at_s: float) -> tuple[float, float]:
    times = [key.at_s for key in keys]
    x_px, height_px = ([getattr(key, name) for key in keys] for name in ("x_px", "height_px"))
    return interpolate(times, x_px, at_s), interpolate(times, height_px, at_s)


def _twin(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    """Return somebody mirrored and in a darker light."""
    return tuple(_mirrored(level) for level in levels)


def _mirrored(level: Level) -> Level:
    pixels = level.pixels[:, ::-1].copy()
    pixels[..., :3] = (pixels[..., :3] * TWIN_BRIGHTNESS).astype(np.uint8)
    return Level(pixels, level.face_height_px, (pixels.shape[1] - level.chin[0], level.chin[1]))


def _wide(picture: Picture) -> Picture:
    """Return a room as wide as three pictures; each mirrors its neighbour, so that there is no seam."""
    return np.hstack((picture, picture[:, ::-1], picture))


def _cut(wide: Picture, left_px: float) -> Picture:
    """Return one picture's width of a wide picture, from a place between pixels."""
    if not left_px:
        return wide[:, :WIDTH_PX].copy()
    move = np.array([[1, 0, -left_px], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(wide, move, (WIDTH_PX, len(wide)), flags=cv2.INTER_LINEAR), np.uint8)


def _pillar(stage: Stage, width_px: int) -> Picture:
    """Return a pillar of the wood that the counter is made of, (HEIGHT_PX, width_px, 3)."""
    wood = stage.counter[12:60, :HEIGHT_PX].transpose(1, 0, 2)
    return np.asarray(cv2.resize(wood, (width_px, HEIGHT_PX), interpolation=cv2.INTER_LINEAR), np.uint8)
