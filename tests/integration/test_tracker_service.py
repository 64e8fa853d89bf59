"""The tracker as a process between a real bus and a real store: who is followed, under which ID, and what is told."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from capture.demo.truth import CLIP, load_truth

from facewire.boxes import iou
from facewire.messages import Detections, Face, Frame, Xyxy
from tests.integration.door import Door, events
from tests.integration.tracking import STANDING, door, tracker
from tests.places import DEMO
from tests.servers import wait_for
from tests.unit.scene import NOWHERE, Walker, stamp


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
