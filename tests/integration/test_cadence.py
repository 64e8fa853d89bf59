"""Detector and tracker on a real bus: a still scene is looked at seldom, and who enters it is found at once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
from capture.demo.truth import CLIP, load_truth

from facewire import keys
from facewire.codec import decode
from facewire.link import connect
from facewire.messages import Detections, Frame, Tracks
from tests.integration.detecting import OF_NO_HOST, detector
from tests.integration.door import put
from tests.integration.tracking import tracker
from tests.places import CACHE, DEMO
from tests.servers import wait_for

FPS = 15
CEILING = 15
STEP_PX = 12
SERVICES = ("tracker", "detector")


class Room:
    """A camera in a still room; once somebody is let in, a face comes in from the left and stays.

    It films as fast as detector and tracker follow, since what is late counts in frames here.
    """

    def __init__(self, url: str) -> None:
        there, first = cv2.VideoCapture(str(DEMO / CLIP)).read()
        assert there
        left, top, right, bottom = (round(side) for side in load_truth(DEMO).frames[0][0].xyxy)
        margin = (right - left) // 2
        self._visitor = first[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
        random = np.random.default_rng(5)
        coarse = random.integers(60, 180, (12, 16, 3), np.uint8)
        self._still = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        self._noise = random.normal(0, 3, (480, 640, 3)).astype(np.int16)
        self._bus = connect(url)
        self.seq = 0
        self.enters: int | None = None

    def play(self, stop: Event) -> None:
        while not stop.wait(1 / FPS):
            self._bus.zadd(keys.CAMERAS, {"door": time.time()})
            data = self._picture(self.seq + 1).tobytes()
            put(self._bus, keys.FRAMES, Frame("door", self.seq + 1, time.time_ns(), 640, 480, "bgr24", data))
            self.seq += 1
            while not self._both_wait() and not stop.is_set():
                stop.wait(0.002)

    def _both_wait(self) -> bool:
        """Say whether nothing is left to do: Redis lets whoever a message is for go before it answers its sender."""
        clients: Any = self._bus.client_list()
        waiting = [client for client in clients if client["cmd"] == "xread" and "b" in client["flags"]]
        return len(waiting) == len(SERVICES)

    def _picture(self, seq: int) -> np.ndarray:
        picture: np.ndarray = np.clip(self._still + np.roll(self._noise, 7919 * seq), 0, 255).astype(np.uint8)
        if self.enters is not None and seq >= self.enters:
            height, width = self._visitor.shape[:2]
            inside = min(width + 80, (seq - self.enters + 1) * STEP_PX * 3)
            shown = self._visitor[:, max(0, width - inside) :]
            left = max(0, inside - width)
            picture[120 : 120 + height, left : left + shown.shape[1]] = shown
        return picture

    def detected(self) -> list[Detections]:
        entries: Any = self._bus.xrange(keys.DETECTIONS.key("door"))
        return [decode(fields[keys.FIELD], Detections) for _, fields in entries]

    def tracked(self) -> list[Tracks]:
        entries: Any = self._bus.xrange(keys.TRACKS.key("door"))
        return [decode(fields[keys.FIELD], Tracks) for _, fields in entries]


@contextmanager
def playing(room: Room) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=room.play, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def gaps(detections: list[Detections]) -> list[int]:
    seqs = [each.seq for each in detections]
    return [later - earlier for earlier, later in pairwise(seqs)]


def test_a_still_scene_is_looked_at_seldom_and_who_enters_it_is_found_at_once(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    room = Room(bus_url)
    folders = [tmp_path / name for name in SERVICES]
    for folder in folders:
        folder.mkdir()
    with (
        tracker(folders[0], bus_url, store_url),
        detector(
            folders[1],
            bus_url,
            CACHE,
            DETECTOR_BACKEND="onnxruntime",
            DETECT_EVERY="auto",
            DETECT_EVERY_MAX=str(CEILING),
            **OF_NO_HOST,
        ) as running,
        playing(room),
    ):
        wait_for(lambda: gaps(room.detected())[-2:] == [CEILING, CEILING], "the ceiling")
        assert running.sample("facewire_detector_detect_every", camera="door") == CEILING
        wait_for(lambda: running.notes().get("detect_every door") == f"{CEILING} frames, nothing new", what="the note")
        # Just after a detection, the next would be almost a second away.
        count = len(room.detected())
        wait_for(lambda: len(room.detected()) > count, what="the next detection")
        room.enters = enters = room.seq + 2
        wait_for(lambda: any(each.faces for each in room.detected()), what="the face")
        wait_for(lambda: any(t.state == "confirmed" for each in room.tracked() for t in each.tracks), what="the track")
        assert running.counted("detections", reason="new motion") >= 1

    first = next(each.seq for each in room.tracked() if any(t.state == "confirmed" for t in each.tracks))
    assert first <= enters + 12
    # How often it is looked at later, when it is known, is another matter.
    looked = [each for each in room.detected() if enters <= each.seq <= first]
    assert looked[0].seq <= enters + 3
    assert len(looked) > 1
    assert all(gap <= 3 for gap in gaps(looked))
