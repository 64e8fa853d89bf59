"""The tracker as a process between a real bus and a real store: what comes in, what comes out, what it survives."""

import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2
import msgpack
import numpy as np
import pytest
from capture.demo.truth import CLIP, load_truth

from facewire import keys
from facewire.boxes import iou
from facewire.link import connect
from facewire.messages import Detections, Face, Frame, Xyxy
from facewire.silence import SHORTEST_S
from tests.integration.door import Door, are_reading, events, put
from tests.places import DEMO
from tests.processes import END_WITHIN_S, FickleRedis, Running, fickle_redis, service
from tests.servers import HUNG_S, free_port, wait_for
from tests.unit.scene import NOWHERE, Scene, Walker, stamp

STANDING = Walker(200, 150)


def tracker(folder: Path, bus_url: str, store_url: str, **settings: str) -> AbstractContextManager[Running]:
    told = {"METRICS_PORT": str(free_port())} | settings
    return service("tracker", folder, BUS_URL=bus_url, STORE_URL=store_url, **told)


def door(bus_url: str, *walkers: Walker, camera: str = "door") -> Door:
    made = Door(bus_url, Scene(*walkers, camera=camera))
    made.announce()
    return made


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[FickleRedis]:
    """A bus that is away."""
    with fickle_redis(tmp_path / "bus") as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FickleRedis]:
    """A store that is away."""
    with fickle_redis(tmp_path / "store", append_only=True) as server:
        yield server


def test_every_frame_gets_its_tracks_and_the_face_its_story(tmp_path: Path, bus_url: str, store_url: str) -> None:
    walk = door(bus_url, Walker(60, 150, dx=3, frames=range(61)))
    with tracker(tmp_path, bus_url, store_url) as running:
        walk.play(range(1, 100))
        wait_for(lambda: len(events(store_url)) == 2, what="both events")
        wait_for(lambda: running.counted("handled", camera="door") == 99, what="all frames to be counted")
        assert running.healthy()

    assert walk.seqs() == list(range(1, 100))
    assert [seen.captured_ns for seen in walk.seen] == [stamp(index) for index in range(1, 100)]
    assert walk.ids() == {1}
    followed = Door(bus_url, walk.scene, [seen for seen in walk.seen if seen.seq <= 60])
    assert followed.worst_iou(since=20) > 0.7
    assert walk.seen[-1].tracks == ()
    came, went = events(store_url)
    assert (came.type, came.id, came.track_id, came.camera) == ("appeared", "door-1-1-appeared", 1, "door")
    assert (went.type, went.id, went.track_id) == ("left", "door-1-1-left", 1)
    assert came.started_ns == stamp(5)
    # One second after it was last detected, in frame 60.
    assert went.at_ns == pytest.approx(stamp(90), abs=stamp(2) - stamp(0))
    assert came.snapshot is not None
    assert cv2.imdecode(np.frombuffer(came.snapshot, np.uint8), cv2.IMREAD_COLOR) is not None


def test_zones_and_lines_are_told_of_a_walk_and_a_restart_loses_nobody(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    marked = tmp_path / "cameras.yaml"
    # The walker's centre goes from x = 100 to 280 and stays on y = 190, of 640 x 480.
    porch = "{name: porch, polygon: [[0.25, 0.1], [1, 0.1], [1, 0.9], [0.25, 0.9]]}"
    sill = "{name: sill, points: [[0.3, 0.1], [0.3, 0.9]], to_left: in, to_right: out}"
    marked.write_text(f"cameras:\n  door:\n    zones: [{porch}]\n    lines: [{sill}]\n", encoding="utf-8")
    walk = door(bus_url, Walker(60, 150, dx=3, frames=range(61)))
    with tracker(tmp_path, bus_url, store_url, CAMERAS_FILE=str(marked)) as running:
        walk.play(range(1, 100))
        wait_for(lambda: len(events(store_url)) == 5, what="all events")
        assert running.counted("errors") == 0

    told = events(store_url)
    assert [(event.type, event.zone, event.line, event.direction) for event in told] == [
        ("appeared", None, None, None),
        ("entered", "porch", None, None),
        ("crossed", None, "sill", "in"),
        ("left_zone", "porch", None, None),
        ("left", None, None, None),
    ]
    assert {event.track_id for event in told} == {1}
    assert len({event.id for event in told}) == 5
    # The centre is at 160 px, the zone's edge, in frame 20.
    assert told[1].at_ns == pytest.approx(stamp(20), abs=stamp(3) - stamp(0))
    assert told[3].at_ns == told[4].at_ns
    assert told[3].dwell_s == pytest.approx((told[3].at_ns - told[1].at_ns) / 1e9, abs=1e-3)
    occupied = [seen.seq for seen in walk.seen if any("porch" in track.zones for track in seen.tracks)]
    assert occupied == list(range(occupied[0], occupied[-1] + 1))
    assert stamp(occupied[0]) == told[1].at_ns

    stay = door(bus_url, STANDING)
    stay.seen.clear()
    with tracker(tmp_path, bus_url, store_url, CAMERAS_FILE=str(marked)):
        stay.play(range(100, 112))
    with tracker(tmp_path, bus_url, store_url, CAMERAS_FILE=str(marked)):
        stay.play(range(112, 126))
        # Met anew, and in the zone from the first frame in which it counts.
        assert [track.zones for track in stay.seen[-1].tracks] == [("porch",)]
        wait_for(lambda: events(store_url)[-1].type == "entered", what="the entry")
    ids = [event.id for event in events(store_url)]
    assert len(set(ids)) == len(ids)


def test_frames_in_bursts_of_three_are_all_tracked_and_of_a_longer_one_only_the_newest(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    walk = door(bus_url, STANDING)
    with tracker(tmp_path, bus_url, store_url) as running:
        walk.play([1])
        walk.play(range(2, 32), at_once=3)
        assert walk.seqs() == list(range(1, 32))

        walk.publish(range(32, 42))
        walk.wait_for_tracks(41)
        assert walk.seqs()[-2:] == [31, 41]
        assert running.counted("dropped", reason="late") == 9
    assert walk.ids() == {1}


class DemoClip:
    """The demo clip with its truth in the detector's place."""

    camera = "door"

    def __init__(self) -> None:
        # Crimson walks past tartan, who is out of sight for half a second.
        self._clip, self._truth = cv2.VideoCapture(str(DEMO / CLIP)), load_truth(DEMO)

    def frame(self, index: int) -> Frame:
        there, picture = self._clip.read()
        assert there
        height, width = picture.shape[:2]
        return Frame(self.camera, index, stamp(index), width, height, "bgr24", picture.tobytes())

    def people(self, index: int, visible: float) -> dict[str, Xyxy]:
        # Frames of the stream count from 1.
        return {face.person: face.xyxy for face in self._truth.frames[index - 1] if face.visible > visible}

    def detections(self, index: int) -> Detections:
        faces = tuple(Face(xyxy, 0.9, NOWHERE) for xyxy in self.truth(index))
        return Detections(self.camera, index, stamp(index), "truth", 1.0, faces)

    def truth(self, index: int) -> list[Xyxy]:
        return list(self.people(index, visible=0.4).values())


def test_real_faces_that_cross_do_not_swap_ids(tmp_path: Path, bus_url: str, store_url: str) -> None:
    clip = DemoClip()
    watch = Door(bus_url, clip)
    watch.announce()
    with tracker(tmp_path, bus_url, store_url):
        watch.play(range(1, 116))

    ids: dict[str, set[int]] = {}
    for seen in watch.seen:
        for person, xyxy in clip.people(seen.seq, visible=0.85).items():
            for track in seen.tracks:
                fits = iou(np.array([xyxy]), np.array([track.xyxy]))[0, 0] > 0.5
                if fits and track.state == "confirmed":
                    ids.setdefault(person, set()).add(track.id)
    assert set(ids) == {"olive", "tartan", "crimson"}
    assert len(ids["olive"]) == len(ids["crimson"]) == 1
    # Who was out of sight may come back as somebody new, but never as somebody else.
    assert sum(len(each) for each in ids.values()) == len(set.union(*ids.values()))


def test_an_event_waits_for_a_store_that_is_away_and_tracks_do_not(
    tmp_path: Path, bus_url: str, store: FickleRedis
) -> None:
    walk = door(bus_url, Walker(200, 150, frames=range(21)))
    store.come()
    with tracker(tmp_path, bus_url, store.url) as running:
        walk.play([1])
        store.go()
        walk.play(range(2, 62))
        assert walk.seqs() == list(range(1, 62))
        wait_for(lambda: running.counted("errors", kind="store_away") > 1, what="the missing store to be counted")
        wait_for(lambda: "waiting for Redis 'store'" in running.says(), "the missing store to be noticed")
        store.come()
        wait_for(lambda: len(events(store.url)) == 2, what="the events")
        wait_for(running.healthy, what="the store to be back")
    assert [event.type for event in events(store.url)] == ["appeared", "left"]


def test_it_ends_in_time_with_an_event_that_the_store_cannot_take(
    tmp_path: Path, bus_url: str, store: FickleRedis
) -> None:
    walk = door(bus_url, STANDING)
    store.come()
    with tracker(tmp_path, bus_url, store.url) as running:
        walk.play([1])
        store.go()
        walk.play(range(2, 15))
        wait_for(lambda: "waiting for Redis 'store'" in running.says(), what="the missing store to be noticed")
        running.end()


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


def test_what_happened_last_is_delivered_at_the_end(tmp_path: Path, bus_url: str, store_url: str) -> None:
    walk = door(bus_url, STANDING)
    with tracker(tmp_path, bus_url, store_url) as running:
        store: Any = connect(store_url)
        store.client_pause(round(1000 * HUNG_S), all=False)
        walk.play(range(1, 15))
        assert events(store_url) == []
        running.process.terminate()
        store.client_unpause()
        assert running.process.wait(END_WITHIN_S) == 0
    assert [event.type for event in events(store_url)] == ["appeared"]


def test_a_bus_that_comes_back_empty_is_gone_on_with(tmp_path: Path, bus: FickleRedis, store_url: str) -> None:
    with tracker(tmp_path, bus.url, store_url) as running:
        wait_for(lambda: "waiting for Redis 'bus'" in running.says(), what="the missing bus to be noticed")
        bus.come()
        walk = door(bus.url, STANDING)
        walk.play(range(1, 21))
        assert running.healthy()
        bus.go()
        wait_for(lambda: "waiting for Redis 'bus'" in running.says(), what="the lost bus to be noticed")
        bus.come()
        walk.announce()
        walk.play(range(21, 41))
        assert running.healthy()
    assert walk.seqs() == list(range(1, 41))
    assert walk.ids() == {1}


def test_a_store_that_is_away_at_the_start_is_waited_for(tmp_path: Path, bus_url: str, store: FickleRedis) -> None:
    walk = door(bus_url, STANDING)
    with tracker(tmp_path, bus_url, store.url) as running:
        wait_for(lambda: "waiting for Redis 'store'" in running.says(), "the missing store to be noticed")
        store.come()
        walk.play(range(1, 12))
        wait_for(running.healthy, what="the store")


def rotten() -> Iterator[tuple[bytes, str]]:
    """Detections that cannot be, and as what each is counted."""
    face = {"xyxy": [10.0, 10.0, 20.0, 20.0], "score": 0.9, "landmarks": [[1.0, 1.0]] * 5}
    good = {"v": 1, "t": "detections", "camera": "door", "seq": 11, "captured_ns": stamp(11), "backend": "x"}
    good |= {"inference_ms": 1.0, "faces": [face]}
    changes: list[tuple[dict[str, object], str]] = [
        ({"v": 2}, "version"),
        ({"t": "tracks"}, "type"),
        ({"seq": "eleven"}, "wrong_type"),
        ({"faces": [face | {"xyxy": [float("nan"), 0.0, 1.0, 1.0]}]}, "insane"),
        ({"faces": [face | {"xyxy": [20.0, 20.0, 10.0, 10.0]}]}, "insane"),
        ({"faces": [{"score": 0.9}]}, "missing_key"),
        ({"backend": "x" * 2**18}, "oversized"),
    ]
    yield b"\xff garbage", "not_msgpack"
    yield from ((msgpack.packb(good | change), reason) for change, reason in changes)


def test_rotten_messages_are_counted_and_change_nothing(tmp_path: Path, bus_url: str, store_url: str) -> None:
    walk, bus = door(bus_url, STANDING), connect(bus_url)
    with tracker(tmp_path, bus_url, store_url) as running:
        walk.play(range(1, 12))
        for raw, _ in rotten():
            put(bus, keys.DETECTIONS, raw)
        walk.play(range(12, 20))
        expected = [reason for _, reason in rotten()]
        for reason in set(expected):
            wait_for(
                lambda reason=reason: running.counted("rejected", reason=reason) == expected.count(reason),  # type: ignore[misc]
                what=reason,
            )
        assert running.counted("errors") == 0
    assert walk.ids() == {1}
    assert walk.worst_iou(since=12) > 0.8


def test_detections_of_a_frame_long_past_are_counted_and_change_nothing(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    walk, bus = door(bus_url, STANDING), connect(bus_url)
    with tracker(tmp_path, bus_url, store_url) as running:
        walk.play(range(1, 51))
        far_away = Face((500.0, 300.0, 600.0, 400.0), 0.9, NOWHERE)
        put(bus, keys.DETECTIONS, Detections("door", 3, stamp(3), "late", 1.0, (far_away,)))
        walk.play(range(51, 61))
        assert running.counted("dropped", reason="stale_detections") == 1
    assert {track.id for seen in walk.seen for track in seen.tracks} == {1}


def test_frames_of_another_size_and_kind_are_gone_on_with(tmp_path: Path, bus_url: str, store_url: str) -> None:
    walk, bus = door(bus_url, STANDING), connect(bus_url)
    with tracker(tmp_path, bus_url, store_url) as running:
        walk.play(range(1, 21))
        odd = [(320, 240, 3), (640, 480, 1), (1, 1, 1), (1279, 719, 3)]
        for seq, (width, height, channels) in enumerate(odd, start=21):
            data = np.random.default_rng(seq).integers(0, 255, width * height * channels, np.uint8).tobytes()
            put(
                bus,
                keys.FRAMES,
                Frame("door", seq, stamp(seq), width, height, "bgr24" if channels == 3 else "gray8", data),
            )
            walk.wait_for_tracks(seq)
        walk.play(range(25, 51))
        assert running.counted("errors") == 0
        assert running.healthy()
    assert walk.seqs() == list(range(1, 51))
    assert walk.seen[-1].tracks != ()


def test_an_id_is_not_given_twice_whoever_is_confirmed_first(tmp_path: Path, bus_url: str, store_url: str) -> None:
    slow, quick = door(bus_url, STANDING), door(bus_url, STANDING, camera="hall")
    with tracker(tmp_path, bus_url, store_url):
        # The face at the door came first and is confirmed last.
        slow.play(range(1, 7))
        quick.play(range(1, 12))
        wait_for(lambda: len(events(store_url)) == 1, what="the first face")
        slow.play(range(7, 12))
        wait_for(lambda: len(events(store_url)) == 2, what="the second face")
    assert [event.track_id for event in events(store_url)] == [2, 1]

    with tracker(tmp_path, bus_url, store_url):
        slow.play(range(12, 24))
        wait_for(lambda: len(events(store_url)) == 5, what="both to have left, and the same face, met anew")
    assert slow.ids() == {1, 3}
    assert events(store_url)[-1].id == "door-3-1-appeared"


def test_a_store_that_refuses_events_holds_up_nothing(tmp_path: Path, bus_url: str, store_url: str) -> None:
    walk, store = door(bus_url, Walker(200, 150, frames=range(21))), connect(store_url)
    store.set(keys.EVENTS.key(), "no stream")
    with tracker(tmp_path, bus_url, store_url) as running:
        walk.play(range(1, 21))
        wait_for(lambda: running.counted("dropped", reason="event_refused") == 1, what="the refusal to be counted")
        store.delete(keys.EVENTS.key())
        walk.play(range(21, 62))
        wait_for(lambda: len(events(store_url)) == 1, what="the next event")
    assert walk.seqs() == list(range(1, 62))
    assert events(store_url)[0].type == "left"
