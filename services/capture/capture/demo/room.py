"""Draw the room of the demo clip: a wall with window, door and pictures, the counter in front of all."""

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.demo.choreography import HEIGHT_PX, HORIZON_PX, WIDTH_PX
from facewire.pixels import Picture

SEED = 5
FINE = 2
"""The room is drawn this much larger and then shrunk, which makes edges smooth."""
PLASTER = ((3, 5.0), (20, 2.5), (120, 3.0))
"""The wall's texture: patches a picture's height, and by how many grey levels they differ."""

Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int, Colour]
"""Left, top, right, bottom in pixels of the clip, and blue, green, red."""

WALL: Colour = (172, 184, 188)
RECTANGLES: tuple[Rectangle, ...] = (
    # Panelling.
    (0, 296, 640, 480, (132, 148, 150)),
    (0, 292, 640, 298, (198, 208, 212)),
    *((x, 314, x + 60, 400, (120, 135, 137)) for x in range(12, 640, 78)),
    *((x + 2, 316, x + 60, 400, (138, 154, 156)) for x in range(12, 640, 78)),
    # Door.
    (22, 92, 142, 480, (66, 84, 102)),
    (30, 100, 134, 480, (84, 112, 142)),
    (42, 116, 122, 226, (66, 92, 122)),
    (46, 120, 122, 226, (92, 122, 152)),
    (42, 248, 122, 400, (66, 92, 122)),
    (46, 252, 122, 400, (92, 122, 152)),
    (122, 250, 131, 256, (150, 190, 205)),
    # Window with a sill.
    (392, 54, 572, 232, (208, 214, 216)),
    (400, 62, 564, 224, (232, 214, 186)),
    (400, 150, 564, 224, (150, 186, 150)),
    (400, 176, 564, 224, (110, 150, 118)),
    (478, 62, 486, 224, (212, 218, 220)),
    (400, 138, 564, 145, (212, 218, 220)),
    (382, 230, 582, 240, (220, 226, 228)),
    # Three pictures.
    (196, 96, 272, 190, (48, 54, 62)),
    (202, 102, 266, 184, (206, 214, 218)),
    (212, 114, 256, 150, (150, 128, 84)),
    (212, 150, 256, 172, (84, 120, 132)),
    (296, 78, 352, 128, (42, 60, 84)),
    (301, 83, 347, 123, (110, 140, 190)),
    (296, 146, 352, 214, (42, 60, 84)),
    (301, 151, 347, 209, (120, 150, 120)),
    (592, 110, 634, 178, (48, 54, 62)),
    (597, 115, 629, 173, (140, 120, 150)),
)
COUNTER: tuple[Rectangle, ...] = (
    (0, 0, 640, 68, (46, 62, 88)),
    (0, 0, 640, 7, (96, 126, 164)),
    (0, 7, 640, 10, (34, 46, 66)),
)


def draw_wall() -> Picture:
    """Return the empty room, (HEIGHT_PX, WIDTH_PX, 3) uint8 BGR."""
    picture = _canvas(HEIGHT_PX, WALL)
    _fill(picture, RECTANGLES)
    # What is behind people is a little out of focus.
    return _shrunk(picture + _texture(picture.shape[:2], PLASTER)[..., None], blur_px=1.0)


def draw_counter() -> Picture:
    """Return the counter that hides everything below the horizon, (HEIGHT_PX - HORIZON_PX, WIDTH_PX, 3) uint8 BGR."""
    picture = _canvas(HEIGHT_PX - HORIZON_PX, WALL)
    _fill(picture, COUNTER)
    grain = cv2.GaussianBlur(_texture(picture.shape[:2], ((60, 12.0), (200, 8.0))), (0, 0), sigmaX=24, sigmaY=0.6)
    return _shrunk(picture + grain[..., None], blur_px=0.5)


def _canvas(height_px: int, colour: Colour) -> Picture:
    return np.full((height_px * FINE, WIDTH_PX * FINE, 3), colour, np.uint8)


def _fill(picture: Picture, rectangles: tuple[Rectangle, ...]) -> None:
    for left, top, right, bottom, colour in rectangles:
        picture[top * FINE : bottom * FINE, left * FINE : right * FINE] = colour


def _texture(shape: tuple[int, ...], layers: tuple[tuple[int, float], ...]) -> NDArray[np.float32]:
    """Return grey levels to add, (height, width) float32 around 0."""
    chance = np.random.default_rng(SEED)
    height, width = shape
    texture = np.zeros((height, width), np.float32)
    for patches, levels in layers:
        coarse = chance.normal(0, levels, (patches, patches * width // height)).astype(np.float32)
        texture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return texture


def _shrunk(picture: NDArray[np.float32], blur_px: float) -> Picture:
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // FINE, height // FINE), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(cv2.GaussianBlur(small, (0, 0), blur_px)), 0, 255).astype(np.uint8)
