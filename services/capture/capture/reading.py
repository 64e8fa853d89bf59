"""Read pictures from an open capture: a file in real time, a camera as it comes."""

import time
from collections.abc import Iterator
from threading import Event

import numpy as np

from capture.opencv import cv2
from capture.pacing import Limiter, Pace, Timeline
from facewire.metrics import Metrics
from facewire.pixels import Picture


def file_pictures(
    capture: cv2.VideoCapture, fps_limit: float, metrics: Metrics, stop: Event, *, loop: bool
) -> Iterator[Picture]:
    """Yield a file's pictures when they are due; ends with the file, with `stop`, or when it cannot be read.

    Each picture, (height, width, 3) uint8 BGR, lies in a buffer that the next one overwrites.
    """
    timeline = Timeline(float(capture.get(cv2.CAP_PROP_FPS)))
    pace, limiter = Pace(time.monotonic, stop.wait), Limiter(fps_limit)
    picture = None
    count = began = 0
    while not stop.is_set():
        with metrics.stage("decode"):
            grabbed = capture.grab()
            at_s = timeline.at_s(float(capture.get(cv2.CAP_PROP_POS_MSEC))) if grabbed else 0.0
            late = grabbed and pace.is_late(at_s, timeline.step_s)
            wanted = grabbed and not late and limiter.due(at_s)
            there, picture = capture.retrieve(picture) if wanted else (False, picture)
        if not grabbed:
            if not loop or count == began or not capture.set(cv2.CAP_PROP_POS_FRAMES, 0):
                return
            began = count
            timeline.restart()
            continue
        count += 1
        if late:
            metrics.dropped("late")
        if there:
            pace.wait(at_s)
            yield np.asarray(picture, np.uint8)


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
