"""Whoever was seen last leaves, though their camera died, none is left, or the tracker itself stood still."""

import signal
import time
from pathlib import Path
from typing import Any

from facewire import keys
from facewire.link import connect
from facewire.silence import SHORTEST_S
from tests.integration.door import are_reading, events
from tests.integration.tracking import STANDING, door, tracker
from tests.servers import wait_for
from tests.unit.scene import stamp


def test_whoever_a_camera_that_died_saw_last_leaves_and_other_cameras_go_on(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    dies, lives = door(bus_url, STANDING), door(bus_url, STANDING, camera="hall")
    frames = iter(range(1, 10_000))

    def told_while_the_other_goes_on(count: int) -> bool:
        lives.play([next(frames)])
        return len(events(store_url)) == count

    with tracker(tmp_path, bus_url, store_url, RETURN_WITHIN_S="0") as running:
        dies.play(range(1, 13))
        wait_for(lambda: told_while_the_other_goes_on(3), what="the leaving")
        assert running.counted("counted", what="cameras_silent") == 1
        assert running.healthy()
        dies.play(range(13, 25))
        wait_for(lambda: told_while_the_other_goes_on(4), what="whoever is there when frames are back")
    assert [(event.type, event.camera, event.track_id) for event in events(store_url)] == [
        ("appeared", "door", 1),
        ("appeared", "hall", 2),
        ("left", "door", 1),
        ("appeared", "door", 3),
    ]
    assert events(store_url)[2].at_ns == stamp(12)
    visits: Any = connect(store_url).hkeys(keys.VISITS)
    assert sorted(visits) == [b"door:3", b"hall:2"]


def test_whoever_was_seen_last_leaves_though_no_camera_is_left(tmp_path: Path, bus_url: str, store_url: str) -> None:
    walk = door(bus_url, STANDING)
    with tracker(tmp_path, bus_url, store_url, RETURN_WITHIN_S="0"):
        walk.play(range(1, 13))
        connect(bus_url).flushall()
        wait_for(lambda: len(events(store_url)) == 2, what="the leaving")
    assert events(store_url)[1].type == "left"


def test_whom_a_tracker_that_stood_still_saw_last_leaves_before_it_looks_again(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    walk = door(bus_url, STANDING)
    with tracker(tmp_path, bus_url, store_url, RETURN_WITHIN_S="0") as running:
        walk.play(range(1, 13))
        wait_for(lambda: are_reading(bus_url, 1), what="the tracker to have read all")
        running.process.send_signal(signal.SIGSTOP)
        try:
            # It waits for this frame, and finds it when it goes on.
            walk.publish([13])
            time.sleep(SHORTEST_S + 0.5)
        finally:
            running.process.send_signal(signal.SIGCONT)
        walk.wait_for_tracks(13)
        walk.play(range(14, 25))
        wait_for(lambda: len(events(store_url)) == 3, what="whoever is there then")
    told = [(event.id, event.at_ns) for event in events(store_url)[:2]]
    assert told == [("door-1-1-appeared", stamp(10)), ("door-1-1-left", stamp(12))]
    assert events(store_url)[2].id == "door-2-1-appeared"
