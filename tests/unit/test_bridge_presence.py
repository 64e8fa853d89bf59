"""What a home is told of a camera: at once when somebody comes, late when nobody is left, and nothing twice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.discovery import Node
from iot_bridge.home import Home
from iot_bridge.presence import CameraState
from iot_bridge.topics import Publication, Topics

from facewire.health import Health
from facewire.messages import Track, Tracks
from tests.unit.messages import TRACK, tracks
from tests.unit.test_bridge_payloads import fields

TOPICS = Topics("facewire", "door-pi")
NODE = Node(TOPICS, "Door", "homeassistant")
DOOR = "facewire/door-pi/door"


def state(faces_hz: float = 2.0, off_after_s: float = 2.0) -> CameraState:
    return CameraState("door", TOPICS, faces_hz, off_after_s)


def seen(*faces: Track, seq: int = 7, camera: str = "door") -> Tracks:
    return Tracks(camera, seq, 1_700_000_000_000_000_000 + seq, faces)


def face(number: int) -> Track:
    return replace(TRACK, id=number)


def told(publications: list[Publication], leaf: str) -> list[str]:
    return [said.payload.decode() for said in publications if said.topic == f"{DOOR}/{leaf}"]


def test_presence_is_on_with_the_first_face() -> None:
    said = state().update(seen(face(1)), 100.0)
    assert [one.topic.rpartition("/")[2] for one in said] == ["availability", "presence", "count", "faces"]
    assert (told(said, "availability"), told(said, "presence"), told(said, "count")) == (["online"], ["ON"], ["1"])


def test_presence_goes_off_only_when_nobody_was_seen_for_long_enough() -> None:
    camera = state(off_after_s=2.0)
    camera.update(seen(face(1)), 100.0)
    assert told(camera.update(seen(), 101.0), "presence") == []
    assert told(camera.update(seen(), 102.0), "presence") == []
    assert told(camera.update(seen(), 102.1), "presence") == ["OFF"]


def test_a_face_that_comes_back_in_time_keeps_presence_on() -> None:
    camera = state(off_after_s=2.0)
    camera.update(seen(face(1)), 100.0)
    camera.update(seen(), 101.5)
    camera.update(seen(face(1)), 101.9)
    assert told(camera.update(seen(), 103.5), "presence") == []


def test_without_patience_presence_goes_off_with_the_last_face() -> None:
    camera = state(off_after_s=0.0)
    camera.update(seen(face(1)), 100.0)
    assert told(camera.update(seen(), 100.1), "presence") == ["OFF"]


def test_a_count_is_said_once_each_time_it_changes() -> None:
    camera, said = state(), []
    for index, faces in enumerate([(), (), (face(1),), (face(1),), (face(1), face(2)), (face(2),), (), ()]):
        said += camera.update(seen(*faces), 100 + index / 30)
    assert told(said, "count") == ["0", "1", "2", "1", "0"]


def test_a_tentative_face_is_nobody_yet() -> None:
    said = state().update(seen(replace(TRACK, state="tentative")), 100.0)
    assert (told(said, "presence"), told(said, "count"), told(said, "faces")) == (["OFF"], ["0"], [])


def test_a_coasting_face_is_still_there() -> None:
    said = state().update(seen(replace(TRACK, state="coasting")), 100.0)
    assert (told(said, "presence"), told(said, "count")) == (["ON"], ["1"])


@pytest.mark.parametrize(("faces_hz", "expected"), [(1.0, 4), (2.0, 7), (60.0, 91)])
def test_faces_are_told_at_their_own_pace(faces_hz: float, expected: int) -> None:
    camera, said = state(faces_hz=faces_hz), []
    for frame in range(91):
        said += camera.update(seen(face(1), seq=frame), 100 + frame / 30)
    assert len(told(said, "faces")) == pytest.approx(expected, abs=1)


def test_the_end_of_the_last_face_is_told_at_once_and_once() -> None:
    camera = state(faces_hz=0.1)
    camera.update(seen(face(1)), 100.0)
    (empty,) = (said for said in camera.update(seen(seq=8), 100.03) if said.topic == f"{DOOR}/faces")
    assert fields(empty)["faces"] == []
    assert fields(empty)["seq"] == 8
    assert told(camera.update(seen(), 200.0), "faces") == []


def test_a_silent_camera_knows_nothing_any_more() -> None:
    camera = state(off_after_s=3600)
    camera.update(seen(face(1)), 100.0)
    assert camera.tick(104.9) == []
    said = camera.tick(105.0)
    assert (told(said, "availability"), told(said, "presence"), told(said, "count")) == (["offline"], ["OFF"], ["0"])
    assert camera.tick(106.0) == []


def test_a_camera_that_speaks_again_is_there_again() -> None:
    camera = state(off_after_s=3600)
    camera.update(seen(face(1)), 100.0)
    camera.tick(110.0)
    assert told(camera.update(seen(), 111.0), "availability") == ["online"]
    assert told(camera.update(seen(), 111.1), "presence") == []
    assert told(camera.update(seen(face(1)), 111.2), "presence") == ["ON"]


def test_everything_that_was_said_can_be_said_again() -> None:
    camera = state()
    assert camera.retained() == []
    camera.update(seen(face(1)), 100.0)
    said = camera.retained()
    assert {(one.topic, one.payload) for one in said} == {
        (f"{DOOR}/availability", b"online"),
        (f"{DOOR}/presence", b"ON"),
        (f"{DOOR}/count", b"1"),
    }
    assert all(one.retain for one in said)


steps = st.lists(st.tuples(st.floats(0.01, 8), st.none() | st.lists(tracks, max_size=3, unique_by=lambda one: one.id)))


@given(steps, st.floats(0, 10))
def test_no_state_is_said_twice_and_the_last_said_is_what_was_last_seen(
    script: list[tuple[float, list[Track] | None]], off_after_s: float
) -> None:
    camera, now_s, heard_s, seen_s, count = state(off_after_s=off_after_s), 0.0, None, None, 0
    last: dict[str, bytes] = {}
    for pause_s, faces in script:
        now_s += pause_s
        said = camera.tick(now_s) if faces is None else camera.update(seen(*faces), now_s)
        if faces is not None:
            heard_s, count = now_s, sum(one.state != "tentative" for one in faces)
            seen_s = now_s if count else seen_s
        elif heard_s is None or now_s - heard_s >= 5:
            heard_s, seen_s, count = None, None, 0
        for one in (one for one in said if one.retain):
            assert last.get(one.topic) != one.payload
            last[one.topic] = one.payload
        assert last == {one.topic: one.payload for one in camera.retained()}
        if not last:
            continue
        assert last[f"{DOOR}/availability"] == (b"offline" if heard_s is None else b"online")
        assert last[f"{DOOR}/count"] == str(count).encode()
        if faces is not None or heard_s is None:
            here = seen_s is not None and now_s - seen_s <= off_after_s
            assert last[f"{DOOR}/presence"] == (b"ON" if here else b"OFF")


# ---- zones


def zone_states(publications: list[Publication], zone: str) -> list[tuple[str, int]]:
    said = [fields(one) for one in publications if one.topic == f"{DOOR}/zone/{zone}"]
    return [(one["occupancy"], one["count"]) for one in said]


def test_each_zone_says_how_many_are_in_it_and_only_when_that_changes() -> None:
    camera, said = CameraState("door", TOPICS, 2.0, 1.0, ("porch", "steps")), []
    inside, outside = replace(face(1), zones=("porch",)), face(2)
    both = replace(face(2), zones=("steps", "porch"))
    for index, faces in enumerate([(), (inside,), (inside, outside), (inside, both), (both,), (outside,), ()]):
        said += camera.update(seen(*faces), 100 + index / 10)
    said += camera.update(seen(), 102.0)
    porch = [("OFF", 0), ("ON", 1), ("ON", 2), ("ON", 1), ("ON", 0), ("OFF", 0)]
    assert zone_states(said, "porch") == porch
    assert zone_states(said, "steps") == [("OFF", 0), ("ON", 1), ("ON", 0), ("OFF", 0)]
    assert all(one.retain for one in said if "/zone/" in one.topic)


def test_nobody_who_does_not_count_yet_occupies_a_zone_and_a_zone_unknown_here_is_passed_over() -> None:
    camera = CameraState("door", TOPICS, 2.0, 1.0, ("porch",))
    said = camera.update(seen(replace(face(1), zones=("porch", "new"), state="tentative")), 100.0)
    assert zone_states(said, "porch") == [("OFF", 0)]
    assert not any(one.topic.endswith("/zone/new") for one in said)


def test_a_silent_cameras_zones_are_empty_and_said_again_when_it_speaks() -> None:
    camera = CameraState("door", TOPICS, 2.0, 3600, ("porch",))
    camera.update(seen(replace(face(1), zones=("porch",))), 100.0)
    assert zone_states(camera.tick(105.0), "porch") == [("OFF", 0)]
    assert zone_states(camera.update(seen(replace(face(9), zones=("porch",))), 106.0), "porch") == [("ON", 1)]
    assert zone_states(camera.retained(), "porch") == [("ON", 1)]
    assert [one.payload for one in camera.erased() if one.topic == f"{DOOR}/zone/porch"] == [b""]


def test_a_zone_of_an_earlier_run_that_is_no_more_is_erased_and_others_are_kept() -> None:
    ears = Ears(replace(NODE, zones={"door": ("porch",)}))
    ears.home.remember("door")
    ears.take()
    ears.home.remember_zone("door", "porch")
    ears.home.remember_zone("door", "+")
    assert ears.take() == []
    ears.home.remember_zone("door", "steps")
    removing, remaining, erased = ears.take()
    assert components(removing)["door.steps.occupancy"] == {"p": "binary_sensor"}
    assert "door.steps.occupancy" not in components(remaining)
    assert {"door.porch.count", "door_presence"} <= components(remaining).keys()
    assert (erased.topic, erased.payload, erased.retain) == (f"{DOOR}/zone/steps", b"", True)


# ---- all cameras of a node


class Ears:
    """A home whose clock the test turns, and what it said."""

    def __init__(self, node: Node = NODE) -> None:
        self.now_s = 100.0
        self.said: list[Publication] = []
        self.home = Home(node, lambda camera: CameraState(camera, TOPICS, 2.0, 2.0), lambda: self.now_s, self.hear)

    def hear(self, publications: object) -> None:
        assert isinstance(publications, list)
        self.said += publications

    def take(self) -> list[Publication]:
        said, self.said = self.said, []
        return said


def components(publication: Publication) -> dict[str, dict[str, object]]:
    assert publication.topic == NODE.config_topic
    return dict(fields(publication)["cmps"])


def test_a_new_camera_is_described_before_its_states() -> None:
    ears = Ears()
    ears.home.update(seen(face(1)))
    said = ears.take()
    assert "door_presence" in components(said[0])
    assert [one.topic for one in said].count(NODE.config_topic) == 1
    ears.home.update(seen(face(1), camera="hall"))
    assert {"door_presence", "hall_presence"} <= components(ears.take()[0]).keys()


def test_whoever_knows_nothing_is_told_the_device_before_its_states() -> None:
    ears = Ears()
    ears.home.update(seen(face(1)))
    ears.home.fare([Health("tracker", "1", 0.0, healthy=True)])
    ears.take()
    ears.home.say_everything()
    said = ears.take()
    assert [one.topic for one in said] == [
        NODE.config_topic,
        TOPICS.availability,
        TOPICS.health,
        f"{DOOR}/availability",
        f"{DOOR}/presence",
        f"{DOOR}/count",
    ]
    assert said[1].payload == b"online"
    assert all(one.retain for one in said)


def test_a_camera_that_is_announced_no_more_is_forgotten_after_a_minute_with_its_picture() -> None:
    ears = Ears()
    ears.home.update(seen(face(1)))
    ears.home.update(seen(camera="hall"))
    ears.now_s += 59
    ears.home.update(seen(camera="hall"))
    ears.take()
    ears.home.know(["hall"])
    assert ears.take() == []
    ears.now_s += 1
    ears.home.know(["hall"])
    removing, remaining, *erased = ears.take()
    assert components(removing)["door_presence"] == {"p": "binary_sensor"}
    assert "door_presence" not in components(remaining)
    assert "hall_presence" in components(remaining)
    assert {one.topic for one in erased} == {
        f"{DOOR}/{leaf}" for leaf in ("availability", "presence", "count", "snapshot")
    }
    assert all(one.retain and one.payload == b"" for one in erased)


def test_no_camera_is_forgotten_while_none_is_announced() -> None:
    ears = Ears()
    ears.home.update(seen(face(1)))
    ears.take()
    ears.now_s += 3600
    ears.home.know([])
    assert ears.take() == []


def test_a_camera_of_an_earlier_run_is_offline_unless_it_speaks() -> None:
    ears = Ears()
    ears.home.remember("door")
    assert "door_presence" in components(ears.take()[0])
    ears.now_s += 4
    ears.home.tick()
    assert ears.take() == []
    ears.now_s += 1
    ears.home.tick()
    said = ears.take()
    assert (told(said, "availability"), told(said, "presence"), told(said, "count")) == (["offline"], ["OFF"], ["0"])


@pytest.mark.parametrize("name", ["", "+", "#", "Door", "a b", "x" * 33])
def test_what_is_no_camera_is_not_remembered(name: str) -> None:
    ears = Ears()
    ears.home.remember(name)
    assert ears.take() == []


def test_a_camera_that_is_known_need_not_be_remembered() -> None:
    ears = Ears()
    ears.home.update(seen(face(1)))
    ears.take()
    ears.home.remember("door")
    assert ears.take() == []


def test_a_service_that_fell_silent_is_ill() -> None:
    ears = Ears()
    capture, tracker = (Health(name, "1", 0.0, healthy=True) for name in ("capture", "tracker"))
    ears.home.fare([capture, tracker])
    assert fields(ears.take()[0])["healthy"] is True
    ears.home.fare([capture])
    told_now = fields(ears.take()[0])
    assert told_now["healthy"] is False
    assert told_now["services"]["tracker"] == {"healthy": False, "waiting_for": "its heartbeat"}
    ears.home.fare([capture, tracker])
    assert fields(ears.take()[0])["healthy"] is True
