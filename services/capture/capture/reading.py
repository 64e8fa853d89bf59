"""Read pictures from an open capture: a file in real time, a camera as it comes."""

import time
from collections.abc import Iterator
from threading import Event

import numpy as np

from capture.opencv import cv2
from capture.pacing import Limiter, Pace
from facewire.metrics import Metrics
from facewire.pixels import Picture

USUAL_FPS = 25.0


def file_pictures(
    capture: cv2.VideoCapture, fps_limit: float, metrics: Metrics, stop: Event, *, loop: bool
) -> Iterator[Picture]:
    """Yield a file's pictures when they are due; ends with the file, with `stop`, or when it cannot be read.

    Each picture, (height, width, 3) uint8 BGR, lies in a buffer that the next one overwrites.
    """
    fps = file_fps(capture)
    pace, limiter = Pace(fps, time.monotonic, stop.wait), Limiter(fps_limit)
    picture = None
    index = began = 0
    while not stop.is_set():
        with metrics.stage("decode"):
            there, picture = capture.read(picture)
        if not there:
            if not loop or index == began or not capture.set(cv2.CAP_PROP_POS_FRAMES, 0):
                return
            began = index
            continue
        if limiter.due(index / fps):
            pace.wait(index)
            yield np.asarray(picture, np.uint8)
        index += 1
        for _ in range(pace.late(index)):
            metrics.dropped("late")
            if not capture.grab():
                break
            index += 1


def camera_pictures(capture: cv2.VideoCapture, fps_limit: float, metrics: Metrics, stop: Event) -> Iterator[Picture]:
    """Yield a camera's pictures as they come; ends when it stops sending, or with `stop`.

    Each picture, (height, width, 3) uint8 BGR, lies in a buffer that the next one overwrites.
    """
    limiter = Limiter(fps_limit)
    picture = None
    # `grab` waits for the camera; only what comes after it is work.
    while not stop.is_set() and capture.grab():
        if not limiter.due(time.monotonic()):
            metrics.dropped("above_frame_fps")
            continue
        with metrics.stage("decode"):
            there, picture = capture.retrieve(picture)
        if not there:
            return
        yield np.asarray(picture, np.uint8)


def file_fps(capture: cv2.VideoCapture) -> float:
    """Return a file's frames a second; some containers do not know, and then it is taken for a usual video."""
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    # A NaN fails the comparison too.
    return fps if 1 <= fps <= 1000 else USUAL_FPS
