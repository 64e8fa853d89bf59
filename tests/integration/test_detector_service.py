"""The detector as a process on a real bus, with the real model: what it finds, how often, what it survives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from capture.demo.truth import load_truth
from detector.backends import KINDS

from facewire import keys
from facewire.boxes import iou
from facewire.messages import Frame, Why, Wish
from tests.integration.detecting import EVERY_MOST, OF_NO_HOST, Eye, detector
from tests.integration.door import put
from tests.places import CACHE, DEMO
from tests.processes import FickleRedis, fickle_redis
from tests.servers import wait_for


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[FickleRedis]:
    """A bus that is away."""
    with fickle_redis(tmp_path / "bus") as server:
        yield server


def test_a_frame_is_answered_with_its_faces_under_its_own_number(
    tmp_path: Path, bus_url: str, picture: np.ndarray
) -> None:
    eye = Eye(bus_url, picture)
    with detector(tmp_path, bus_url) as running:
        eye.show(7)
        found = eye.next()
        wait_for(running.healthy, what="health")
        wait_for(lambda: running.counted("handled", camera="door") == 1, what="the frame to be counted")

    assert (found.camera, found.seq, found.captured_ns) == ("door", 7, eye.frame(7).captured_ns)
    assert found.backend in KINDS
    assert found.inference_ms > 0
    truth = np.array([face.xyxy for face in load_truth(DEMO).frames[0]])
    fits = iou(truth, np.array([face.xyxy for face in found.faces]))
    assert fits.shape == (2, 2)
    assert fits.max(axis=1).min() > 0.7


def test_only_due_frames_are_detected_in_and_of_many_the_newest(
    tmp_path: Path, bus_url: str, picture: np.ndarray
) -> None:
    eye = Eye(bus_url, picture)
    with detector(tmp_path, bus_url, DETECT_EVERY="5") as running:
        eye.show(10)
        assert eye.next().seq == 10
        for seq in range(11, 15):
            eye.show(seq)
        eye.show(15)
        assert eye.next().seq == 15
        eye.show(*range(16, 31))
        assert eye.next().seq == 30
        assert eye.count() == 3
        # Of those that were due (20 to 30), all but the newest.
        assert running.counted("dropped", reason="late") == 10


def test_a_wish_holds_at_once_also_for_who_waits_for_a_later_frame(
    tmp_path: Path, bus_url: str, picture: np.ndarray
) -> None:
    eye, bus = Eye(bus_url, picture), redis.Redis.from_url(bus_url)

    def wish(seq: int, every: int, why: Why) -> None:
        put(bus, keys.WISHES, Wish("door", seq, eye.frame(seq).captured_ns, every, 300, why))

    with detector(tmp_path, bus_url, CACHE, DETECT_EVERY="auto", **OF_NO_HOST) as running:
        last = eye.settle(first=10)
        before = eye.count()
        wish(last, 300, "nothing new")
        wait_for(lambda: running.sample("facewire_detector_detect_every", camera="door") == 15, what="the ceiling")
        for seq in range(last + 1, last + EVERY_MOST):
            eye.show(seq)
        assert eye.count() == before
        # Nothing but the wish comes: the newest frame, which was not due, is now.
        wish(last + 14, 2, "new motion")
        assert eye.next().seq == last + 14
        eye.show(last + 15)
        eye.show(last + 16)
        assert eye.next().seq == last + 16
        assert running.counted("dropped", reason="late") == 0
        wait_for(lambda: running.notes().get("detect_every door") == "2 frames, new motion", what="the note")
        assert running.counted("detections", reason="new motion") >= 1


def test_a_hot_host_detects_seldom_and_says_why(tmp_path: Path, bus_url: str, picture: np.ndarray) -> None:
    zone = tmp_path / "thermal" / "thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text("84000\n")
    eye = Eye(bus_url, picture)
    with detector(
        tmp_path, bus_url, DETECT_EVERY="auto", THERMAL_DIR=str(zone.parent), DETECT_EVERY_MAX="12"
    ) as running:
        last = eye.settle(first=10)
        wait_for(lambda: running.notes().get("detect_every door") == "12 frames, hot", what="the note")
        for seq in range(last + 1, last + 13):
            eye.show(seq)
        assert eye.next().seq == last + 12


def test_what_is_no_frame_is_counted_and_the_next_is_detected_in(
    tmp_path: Path, bus_url: str, picture: np.ndarray
) -> None:
    eye, bus = Eye(bus_url, picture), redis.Redis.from_url(bus_url)
    with detector(tmp_path, bus_url, DETECT_EVERY="1") as running:
        rotten: Any = {"m": b"\xff garbage"}
        bus.xadd("frames:door", rotten, id="1-0")
        wait_for(lambda: running.counted("rejected", reason="not_msgpack") == 1, what="the garbage to be counted")
        put(bus, keys.FRAMES, Frame("door", 2, 1, 1, 1, "gray8", b"\x00"))
        assert eye.next().faces == ()
        eye.show(3)
        assert len(eye.next().faces) == 2
        assert running.counted("errors") == 0


def test_a_bus_that_is_away_is_said_and_waited_for(tmp_path: Path, bus: FickleRedis, picture: np.ndarray) -> None:
    with detector(tmp_path, bus.url) as running:
        wait_for(lambda: "Redis 'bus'" in running.says(), what="the missing bus to be noticed")
        for seq in (10, 20):
            bus.come()
            eye = Eye(bus.url, picture)
            eye.show(seq)
            assert eye.next().seq == seq
            wait_for(running.healthy, what="the bus to be back")
            bus.go()
            wait_for(lambda: "Redis 'bus'" in running.says(), what="the lost bus to be noticed")
