"""Time ways to pack frames without loss, and what each leaves: of the demo clip, and of it with a sensor's noise."""

import json
import time
import zlib
from collections.abc import Callable
from itertools import pairwise
from statistics import mean, median

import cv2
import numpy as np
from capture.demo.truth import CLIP

from facewire.pixels import Picture
from facewire.recording import deflate
from runner.plan import KEPT

FRAMES = 30
NOISE_LEVELS = 3
MS_PER_S = 1000

WAYS: dict[str, Callable[[Picture, Picture], bytes]] = {
    "zlib": lambda _, now: zlib.compress(now.tobytes(), 1),
    "PNG": lambda _, now: cv2.imencode(".png", now, (cv2.IMWRITE_PNG_COMPRESSION, 1))[1].tobytes(),
    "zlib of the difference": lambda before, now: zlib.compress((now - before).tobytes(), 1),
    "run lengths of the difference (used)": lambda before, now: deflate((now - before).tobytes()),
}


def clip() -> list[Picture]:
    """Return the first pictures of the demo clip, (480, 640, 3) uint8 BGR each."""
    opened = cv2.VideoCapture(str(KEPT / "demo" / CLIP))
    return [np.asarray(opened.read()[1], np.uint8) for _ in range(FRAMES)]


def noisy(pictures: list[Picture]) -> list[Picture]:
    """Return the pictures with a noise of three grey levels."""
    random = np.random.default_rng(1)
    return [np.clip(each + random.normal(0, NOISE_LEVELS, each.shape), 0, 255).astype(np.uint8) for each in pictures]


def measure(pictures: list[Picture], pack: Callable[[Picture, Picture], bytes]) -> dict[str, float]:
    """Return the median time for a frame, and what is left of it in per cent."""
    took_ms, left = [], []
    for before, now in pairwise(pictures):
        started_s = time.perf_counter()
        packed = pack(before, now)
        took_ms.append((time.perf_counter() - started_s) * MS_PER_S)
        left.append(100 * len(packed) / now.nbytes)
    return {"ms": round(median(took_ms), 1), "percent": round(mean(left), 1)}


def main() -> None:
    """Print a table, and the same as JSON."""
    pictures = clip()
    kinds = {"clean": pictures, "noisy": noisy(pictures)}
    found = {way: {kind: measure(kinds[kind], pack) for kind in kinds} for way, pack in WAYS.items()}
    print(f"{'way':38} {'clean':>16} {'noisy':>16}")
    for way, of in found.items():
        cells = [f"{figures['ms']} ms, {figures['percent']} %" for figures in of.values()]
        print(f"{way:38} {cells[0]:>16} {cells[1]:>16}")
    print(json.dumps({"rows": [{"way": way, **of} for way, of in found.items()]}))


if __name__ == "__main__":
    main()
