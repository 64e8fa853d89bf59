"""Cut people out of photos and put them into a picture at any place and size."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.demo.cast import Person
from capture.demo.choreography import Place
from facewire.pixels import Picture

LEVELS_PX = (64, 92, 130)
"""Heights of the face at which a cut-out is kept, so that drawing it never shrinks it by more than a third."""
SOFT_EDGE = 0.013
"""Width of the cut-out's soft edge, in heights of the face."""


@dataclass(frozen=True, slots=True)
class Level:
    """A cut-out at one size: (height, width, 4) uint8 BGRA, colours multiplied by alpha."""

    pixels: Picture
    face_height_px: float
    chin: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Patch:
    """What a cut-out puts into one picture, and where: (height, width, 4) uint8 BGRA, colours multiplied by alpha."""

    pixels: Picture
    left: int
    top: int

    @property
    def area(self) -> tuple[slice, slice]:
        """The rows and columns of the picture that the patch lies on."""
        rows, columns = self.pixels.shape[:2]
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


def cut_out(person: Person, photos: Path) -> tuple[Level, ...]:
    """Cut a person out of their photo, at every level.

    Raises:
        ValueError: the photo cannot be read.
    """
    photo = cv2.imread(str(photos / person.photo))
    if photo is None:
        raise ValueError(f"{photos / person.photo} is not a photo")
    left, top, width, height = person.face
    outline = np.array([point.split(",") for point in person.outline.split()], dtype=np.int32)
    first, last = outline.min(axis=0), outline.max(axis=0) + 1
    alpha = np.zeros(photo.shape[:2], np.float32)
    cv2.fillPoly(alpha, [outline], 1.0)
    # The edge is drawn inwards, since just outside there is the photo's own background.
    alpha = np.clip((cv2.GaussianBlur(alpha, (0, 0), SOFT_EDGE * height) - 0.5) / 0.5, 0, 1)
    colours = np.clip(photo.astype(np.float32) * person.brightness, 0, 255) * alpha[..., None]
    cut = np.dstack((colours, alpha * 255))[first[1] : last[1], first[0] : last[0]]
    chin = (left + width / 2 - first[0], top + height - first[1])
    return tuple(_level(cut, chin, height, height_px) for height_px in LEVELS_PX)


def _level(cut: NDArray[np.float32], chin: tuple[float, float], face_height: float, height_px: float) -> Level:
    scale = height_px / face_height
    small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    across, down = small.shape[1] / cut.shape[1], small.shape[0] / cut.shape[0]
    return Level(np.rint(small).astype(np.uint8), face_height * down, (chin[0] * across, chin[1] * down))


def draw(levels: tuple[Level, ...], place: Place, size: tuple[int, int]) -> Patch | None:
    """Draw a cut-out at a place in a picture of (width, height); None where all of it is outside."""
    level = next((level for level in levels if level.face_height_px >= place.height_px - 1), levels[-1])
    scale = place.height_px / level.face_height_px
    left, top = place.x_px - level.chin[0] * scale, place.chin_px - level.chin[1] * scale
    rows, columns = level.pixels.shape[:2]
    first = max(0, int(left)), max(0, int(top))
    last = min(size[0], int(left + columns * scale) + 1), min(size[1], int(top + rows * scale) + 1)
    if first[0] >= last[0] or first[1] >= last[1]:
        return None
    # Pixel centres lie at +0.5 in both pictures.
    half = (scale - 1) / 2
    move = np.array([[scale, 0, left - first[0] + half], [0, scale, top - first[1] + half]])
    drawn = cv2.warpAffine(level.pixels, move, (last[0] - first[0], last[1] - first[1]), flags=cv2.INTER_LINEAR)
    return Patch(np.asarray(drawn, np.uint8), *first)


def blend(picture: Picture, drawn: Patch) -> None:
    """Lay a patch over a (height, width, 3) uint8 BGR picture."""
    under = picture[drawn.area]
    light = cv2.merge([255 - drawn.pixels[..., 3]] * 3)
    picture[drawn.area] = cv2.add(cv2.multiply(under, light, scale=1 / 255), drawn.pixels[..., :3])
