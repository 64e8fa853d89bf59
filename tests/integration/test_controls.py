"""What is switched on the store is obeyed by each service, survives restarts, and holds without it."""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import redis

from facewire import controls, keys
from facewire.codec import decode
from facewire.link import connect
from facewire.messages import Detections, Frame
from tests.integration.detecting import OF_NO_HOST, detector
from tests.integration.door import events, put
from tests.integration.filming import capturing, newest
from tests.integration.test_detector_failover import camera
from tests.integration.tracking import STANDING, door, tracker
from tests.places import CACHE
from tests.processes import FickleRedis, fickle_redis
from tests.servers import wait_for
from tests.unit.test_tracker_naming import look


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FickleRedis]:
    """A store that is away."""
    with fickle_redis(tmp_path / "store", append_only=True) as server:
        yield server


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of gray."""
    path = tmp_path_factory.mktemp("video") / "gray.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (320, 240))
    for _ in range(30):
        writer.write(np.full((240, 320, 3), 90, np.uint8))
    writer.release()
    return path


def switch(url: str, field: str, value: str | None) -> None:
    """Write a control as the bridge does."""
    controls.write(connect(url), field, value)


def frames_on(bus: redis.Redis) -> int:
    length: Any = bus.xlen(keys.FRAMES.key("door"))
    return int(length)


# ---- capture


def test_privacy_lets_no_frame_out_takes_back_the_last_ones_and_goes_on_counting(
    tmp_path: Path, bus_url: str, store_url: str, video: Path
) -> None:
    bus = connect(bus_url)
    # Few frames a second: the bus keeps the first one for some time.
    told = {"STORE_URL": store_url, "CAMERAS": f"door={video}", "FRAME_FPS": "10"}
    with capturing(tmp_path, bus_url, **told) as capture:
        wait_for(lambda: newest(bus, "door") > 5, "frames")
        switch(store_url, keys.privacy("door"), controls.ON)
        wait_for(lambda: frames_on(bus) == 0, "the bus to hold no frame")
        wait_for(lambda: capture.notes().get("door", "").endswith(" privacy"), "the note")
        assert capture.healthy()
        seen: Any = bus.xinfo_stream(keys.FRAMES.key("door"))
        time.sleep(1)
        later: Any = bus.xinfo_stream(keys.FRAMES.key("door"))
        assert (frames_on(bus), later["last-generated-id"]) == (0, seen["last-generated-id"])
        switch(store_url, keys.privacy("door"), None)
        wait_for(lambda: frames_on(bus) > 0, "frames again")
        first = int(bus.xrange(keys.FRAMES.key("door"), count=1)[0][0].partition(b"-")[0])  # type: ignore[index]
        assert first == int(seen["last-generated-id"].partition(b"-")[0]) + 1


def test_nothing_leaves_until_the_store_has_said_whether_it_may_and_what_it_said_holds_without_it(
    tmp_path: Path, bus_url: str, store: FickleRedis, video: Path
) -> None:
    bus = connect(bus_url)
    with capturing(tmp_path, bus_url, STORE_URL=store.url, CAMERAS=f"door={video}") as capture:
        wait_for(lambda: "until the store says" in capture.notes().get("door", ""), "the note")
        wait_for(lambda: "Redis 'store'" in capture.says(), "the missing store to be noticed")
        assert frames_on(bus) == 0
        store.come()
        wait_for(lambda: frames_on(bus) > 0, "the first frame")
        switch(store.url, keys.privacy("door"), controls.ON)
        wait_for(lambda: frames_on(bus) == 0, "privacy")
        store.go()
        wait_for(lambda: "Redis 'store'" in capture.says(), "the loss to be noticed")
        assert frames_on(bus) == 0
    store.come()
    with capturing(tmp_path, bus_url, STORE_URL=store.url, CAMERAS=f"door={video}") as capture:
        wait_for(lambda: capture.notes().get("door", "").endswith(" privacy"), "privacy after the restart")
        assert frames_on(bus) == 0
        switch(store.url, keys.privacy("door"), None)
        wait_for(lambda: frames_on(bus) > 0, "frames")
        store.go()
        wait_for(lambda: "Redis 'store'" in capture.says(), "the loss to be noticed")
        last = newest(bus, "door")
        wait_for(lambda: newest(bus, "door") > last + 5, "frames without a store")


def test_what_was_published_before_is_taken_back_though_no_picture_comes_any_more(
    tmp_path: Path, bus_url: str, store_url: str, video: Path
) -> None:
    bus = connect(bus_url)
    told = {"STORE_URL": store_url, "CAMERAS": f"door={video}", "LOOP": "false"}
    with capturing(tmp_path, bus_url, **told) as capture:
        wait_for(lambda: capture.notes().get("door", "").endswith(" ended"), "the end")
        assert frames_on(bus) > 0
        switch(store_url, keys.privacy("door"), controls.ON)
        wait_for(lambda: frames_on(bus) == 0, "the bus to hold no frame")
        switch(store_url, keys.privacy("door"), None)
    # Now while capture is away.
    put(bus, keys.FRAMES, Frame("door", 1000, time.time_ns(), 4, 4, "gray8", bytes(16)))
    switch(store_url, keys.privacy("door"), controls.ON)
    with capturing(tmp_path, bus_url, **told) as capture:
        wait_for(lambda: frames_on(bus) == 0, "the bus to hold no frame")
        wait_for(lambda: capture.notes().get("door", "").endswith(" privacy"), "the note")


# ---- detector


def detections(bus: redis.Redis) -> list[Detections]:
    entries: Any = bus.xrange(keys.DETECTIONS.key("door"))
    return [decode(fields[keys.FIELD], Detections) for _, fields in entries]


def test_detection_is_switched_its_interval_set_and_its_backend_chosen_while_it_runs(
    tmp_path: Path, bus_url: str
) -> None:
    bus = connect(bus_url)
    with detector(tmp_path, bus_url, CACHE, DETECT_EVERY="auto", **OF_NO_HOST) as running, camera(bus_url):
        wait_for(lambda: len(detections(bus)) > 5, "detections")

        switch(bus_url, keys.DETECT_EVERY, "3")
        wait_for(lambda: running.notes().get("detect_every door") == "3 frames, as set", "the interval")
        wait_for(lambda: [int(step) for step in np.diff(seqs(bus)[-4:])] == [3, 3, 3], "it in the detections")

        before = detections(bus)[-1].backend
        usable = running.notes()["usable"].split()
        other = next(name for name in ("onnxruntime", "tvm") if name in usable and name != before)
        switch(bus_url, keys.BACKEND, other)
        wait_for(lambda: detections(bus)[-1].backend == other, "the other backend")
        wait_for(lambda: running.notes()["backend"] == f"{other}, as the home has set", "the note")
        switch(bus_url, keys.BACKEND, "no such backend")
        wait_for(lambda: detections(bus)[-1].backend == before, "the choice, for want of such a backend")

        switch(bus_url, keys.detection("door"), controls.OFF)
        wait_for(lambda: running.notes().get("detect_every door") == "5 frames, switched off", "the note")
        last = seqs(bus)[-1]
        time.sleep(0.7)
        assert seqs(bus)[-1] == last
        assert running.healthy()
        switch(bus_url, keys.detection("door"), None)
        wait_for(lambda: seqs(bus)[-1] > last, "detections again")


def seqs(bus: redis.Redis) -> list[int]:
    return [found.seq for found in detections(bus)]


# ---- tracker


def test_the_tracker_names_a_face_tells_it_and_forgets_the_name_when_recognition_is_off(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    walk, bus = door(bus_url, STANDING), connect(bus_url)

    def names(index: int) -> set[str | None]:
        return {track.identity.name if track.identity else None for track in walk.wait_for_tracks(index).tracks}

    def looked_at(indices: range) -> set[str | None]:
        for index in indices:
            walk.play([index])
            put(bus, keys.IDENTITIES, look("Ada", index))
        return names(indices[-1])

    with tracker(tmp_path, bus_url, store_url) as running:
        assert looked_at(range(1, 31)) == {"Ada"}
        wait_for(lambda: len(events(store_url)) == 2, what="both events")
        identified = events(store_url)[1]
        assert (identified.type, identified.identity and identified.identity.name) == ("identified", "Ada")
        put(bus, keys.IDENTITIES, look("Ada", 31, track_id=77))
        put(bus, keys.IDENTITIES, b"\x93garbage")
        wait_for(lambda: running.counted("dropped", reason="identity_of_nobody") > 0, what="the stranger to be counted")
        wait_for(lambda: running.counted("rejected", reason="not_msgpack") == 1, what="the garbage to be counted")
        index = count(31)

        def named(*expected: str | None) -> bool:
            now = next(index)
            return looked_at(range(now, now + 1)) == set(expected)

        switch(store_url, keys.RECOGNITION, controls.OFF)
        wait_for(lambda: named(None), "the name to be forgotten")
        switch(store_url, keys.RECOGNITION, None)
        wait_for(lambda: named("Ada"), "the name to be known again")
        assert len(events(store_url)) == 2
