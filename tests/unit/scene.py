"""A made-up scene for tracker tests: textured squares that move over a textured floor, with exact truth."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from facewire.messages import Detections, Face, Frame, Landmarks, Xyxy

WIDTH, HEIGHT = 640, 480
FPS = 30
FIRST_NS = 1_700_000_000_000_000_000
NOWHERE: Landmarks = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0))


@dataclass(frozen=True, slots=True)
class Walker:
    """A square face: where it starts, how it moves in px a frame, its side, and when it is to be seen.

    With a tint (blue, green, red in 0..1) it has a body below, and the scene is in colour.
    """

    x: float
    y: float
    dx: float = 0.0
    dy: float = 0.0
    side: int = 80
    frames: range = range(10_000)
    tint: tuple[float, float, float] | None = None

    def xyxy(self, index: int) -> Xyxy:
        left, top = self.x + self.dx * index, self.y + self.dy * index
        return left, top, left + self.side, top + self.side


class Scene:
    """Draws walkers, later ones in front of earlier ones; the camera may turn by `pan` px a frame."""

    def __init__(self, *walkers: Walker, seed: int = 7, camera: str = "door", pan: float = 0.0) -> None:
        random = np.random.default_rng(seed)
        self.camera = camera
        self._walkers = walkers
        self._pan = pan
        self._coloured = any(walker.tint for walker in walkers)
        self._floor = smooth(random, HEIGHT, WIDTH)
        self._faces = [self._drawn(walker, random) for walker in walkers]

    def _drawn(self, walker: Walker, random: np.random.Generator) -> np.ndarray:
        if walker.tint is None:
            return smooth(random, walker.side, walker.side, grain=3)
        body = smooth(random, 2 * walker.side, walker.side, grain=3)
        return np.asarray(body[..., None] * np.array(walker.tint), np.uint8)

    def frame(self, index: int) -> Frame:
        picture = np.roll(self._floor, -round(self._pan * index), axis=1)
        if self._coloured:
            picture = np.repeat(picture[..., None], 3, axis=2)
        for walker, face in zip(self._walkers, self._faces, strict=True):
            if index in walker.frames:
                left, top, *_ = (round(value) for value in walker.xyxy(index))
                paste(picture, face, left, top)
        encoding: Literal["bgr24", "gray8"] = "bgr24" if self._coloured else "gray8"
        return Frame(self.camera, index, stamp(index), WIDTH, HEIGHT, encoding, picture.tobytes())

    def truth(self, index: int) -> list[Xyxy]:
        return [walker.xyxy(index) for walker in self._walkers if index in walker.frames and inside(walker.xyxy(index))]

    def detections(self, index: int, jitter_px: float = 0.0, score: float = 0.9) -> Detections:
        random = np.random.default_rng(index)
        faces = tuple(
            Face(tuple((np.array(box) + random.normal(0, jitter_px, 4)).tolist()), score, NOWHERE)
            for box in self.truth(index)
        )
        return Detections(self.camera, index, stamp(index), "test", 1.0, faces)


def stamp(index: int) -> int:
    return FIRST_NS + index * 1_000_000_000 // FPS


def inside(xyxy: Xyxy) -> bool:
    left, top, right, bottom = xyxy
    return left + right > 0 and top + bottom > 0 and left + right < 2 * WIDTH and top + bottom < 2 * HEIGHT


def smooth(random: np.random.Generator, height: int, width: int, grain: int = 4) -> np.ndarray:
    coarse = random.integers(20, 235, (height // grain + 2, width // grain + 2)).astype(np.float64)
    fine = np.kron(coarse, np.ones((grain, grain)))
    return ((fine[:height, :width] + fine[1 : height + 1, 1 : width + 1]) / 2).astype(np.uint8)


def paste(picture: np.ndarray, face: np.ndarray, left: int, top: int) -> None:
    height, width = picture.shape[:2]
    here = picture[max(0, top) : max(0, top + len(face)), max(0, left) : max(0, left + face.shape[1])]
    if here.size:
        from_top, from_left = max(0, -top), max(0, -left)
        here[:] = face[from_top : from_top + here.shape[0], from_left : from_left + here.shape[1]]
    assert picture.shape[:2] == (height, width)
