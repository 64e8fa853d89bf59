"""Make the demo clip look filmed: daylight that comes and goes through the window, and the sensor's noise."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.demo.choreography import CLIP_S, HEIGHT_PX, WIDTH_PX
from facewire.pixels import Picture

SEED = 6
NOISE_LEVELS = 2.0
"""Standard deviation of the sensor's noise, in grey levels of 255."""
NOISE_PICTURES = 8
FULL = 200
"""Value of a light map that leaves the picture as it is."""
WINDOW_PX = (482, 140)


class Weather:
    """Light maps and noise, drawn once for all frames of a clip."""

    def __init__(self) -> None:
        down, across = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
        near = np.exp(-(np.hypot((across - WINDOW_PX[0]) / 330, (down - WINDOW_PX[1]) / 300) ** 2))
        # Blue, green, red: the sun is warm, an overcast sky is cool and even.
        self._sunny = _light_map(0.80 + 0.32 * near, (0.96, 1.0, 1.04))
        self._dull = _light_map(0.74 + 0.06 * near, (1.03, 1.0, 0.97))
        chance = np.random.default_rng(SEED)
        noise = chance.normal(128, NOISE_LEVELS, (NOISE_PICTURES, HEIGHT_PX, WIDTH_PX, 1))
        self._noise: Picture = np.rint(noise).astype(np.uint8).repeat(3, axis=3)

    def apply(self, picture: Picture, frame: int, at_s: float) -> Picture:
        """Return a (height, width, 3) uint8 BGR picture as it looks in the light of this moment, with noise."""
        turn = 2 * math.pi * at_s / CLIP_S
        sun = 0.5 + 0.35 * math.cos(turn) + 0.15 * math.sin(3 * turn)
        light = cv2.addWeighted(self._sunny, sun, self._dull, 1 - sun, 0)
        lit = cv2.multiply(picture, light, scale=1 / FULL)
        return np.asarray(cv2.addWeighted(lit, 1, self._noise[frame % NOISE_PICTURES], 1, -128), np.uint8)


def _light_map(strength: NDArray[np.float32], tint: tuple[float, float, float]) -> Picture:
    levels = strength[..., None] * np.array(tint, np.float32) * FULL
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
