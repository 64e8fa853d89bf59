"""Fit a picture into the network's input, and its boxes back into the picture."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facewire.pixels import Picture

Tensor = NDArray[np.float32]
Canvas = NDArray[np.uint8]
"""A picture as a network takes it: (1, height, width, 3) uint8 BGR, NHWC."""


@dataclass(frozen=True, slots=True)
class InputSize:
    """The network's input in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture lies in the network's input: scaled to fit, at the top left, the rest black."""

    width: int
    height: int
    scale_x: float
    scale_y: float


def fit(picture_width: int, picture_height: int, size: InputSize) -> Letterbox:
    """Return the largest placement of a picture that keeps its aspect (to the nearest pixel)."""
    scale = min(size.width / picture_width, size.height / picture_height)
    width = max(1, min(size.width, round(picture_width * scale)))
    height = max(1, min(size.height, round(picture_height * scale)))
    return Letterbox(width, height, width / picture_width, height / picture_height)


class LetterboxCanvas:
    """Turns pictures into the network's input, in a buffer of its own that every call reuses.

    Args:
        size: the network's input.
    """

    def __init__(self, size: InputSize) -> None:
        self._size = size
        self._canvas = np.zeros((1, size.height, size.width, 3), np.uint8)
        self._placed = Letterbox(0, 0, 1, 1)

    def fill(self, picture: Picture) -> tuple[Canvas, Letterbox]:
        """Place a picture, (H, W, 3) BGR or (H, W) gray uint8.

        Returns:
            The canvas, valid until the next call; and the picture's placement.
        """
        if picture.ndim == 2:
            picture = np.repeat(picture[..., None], 3, axis=2)
        placed = fit(picture.shape[1], picture.shape[0], self._size)
        if placed != self._placed:
            self._canvas[:] = 0
            self._placed = placed
        inner = self._canvas[0, : placed.height, : placed.width]
        cv2.resize(picture, (placed.width, placed.height), dst=inner, interpolation=cv2.INTER_LINEAR)
        return self._canvas, placed


class Views:
    """One picture as each network wants it, letterboxed when first asked for, in buffers that all pictures share."""

    def __init__(self) -> None:
        self._canvases: dict[InputSize, LetterboxCanvas] = {}
        self._made: dict[InputSize, tuple[Canvas, Letterbox]] = {}
        self._picture: Picture = np.zeros((1, 1, 3), np.uint8)

    def show(self, picture: Picture) -> None:
        """Turn to another picture, (H, W, 3) BGR or (H, W) gray uint8; what earlier views gave is void."""
        self._picture = picture
        self._made.clear()

    def at(self, size: InputSize) -> tuple[Canvas, Letterbox]:
        """Return the picture letterboxed at a size, and its placement; valid until the next `show`."""
        if size not in self._made:
            canvas = self._canvases.setdefault(size, LetterboxCanvas(size))
            self._made[size] = canvas.fill(self._picture)
        return self._made[size]
