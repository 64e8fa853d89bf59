"""Read pictures from an open capture: a file in real time, a camera as it comes."""

import math
import time
from collections.abc import Iterator
from threading import Event

import numpy as np

from capture.opencv import cv2
from capture.pacing import Limiter, Pace
from facewire.metrics import Metrics
from facewire.pixels import Picture


def file_pictures(
    capture: cv2.VideoCapture, fps_limit: float, metrics: Metrics, stop: Event, *, loop: bool
) -> Iterator[Picture]:
    """Yield a file's pictures when they are due; ends with the file, with `stop`, or when it cannot be read.

    Each picture, (height, width, 3) uint8 BGR, lies in a buffer that the next one overwrites.
    """
    fps = _fps(capture, fps_limit)
    pace, limiter = Pace(fps, time.monotonic, stop.wait), Limiter(fps_limit)
    picture: Picture | None = None
    index = began = 0
    while not stop.is_set():
        with metrics.stage("decode"):
            there, picture = _read(capture, picture)
        if not there:
            if not loop or index == began or not capture.set(cv2.CAP_PROP_POS_FRAMES, 0):
                return
            began = index
            continue
        if limiter.due(index / fps):
            pace.wait(index)
            yield picture
        index += 1
        for _ in range(pace.late(index)):
            metrics.dropped("late")
            if not capture.grab():
                break
            index += 1


def camera_pictures(
    capture: cv2.VideoCapture, fps_limit: float, metrics: Metrics, stop: Event
) -> Iterator[Picture]:
    """Yield a camera's pictures as they come; ends when it stops sending, or with `stop`.

    Each picture, (height, width, 3) uint8 BGR, lies in a buffer that the next one overwrites.
    """
    limiter = Limiter(fps_limit)
    picture: Picture | None = None
    # `grab` waits for the camera; only what comes after it is work.
    while not stop.is_set() and capture.grab():
        if not limiter.due(time.monotonic()):
            metrics.dropped("above_frame_fps")
            continue
        with metrics.stage("decode"):
            there, picture = _retrieve(capture, picture)
        if not there:
            return
        yield picture
