"""What a home is told of a camera: at once when somebody comes, late when nobody is left, and nothing twice."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.discovery import Node
from iot_bridge.home import Home
from iot_bridge.payloads import last_face
from iot_bridge.people import MOST_PEOPLE, People, key_of
from iot_bridge.presence import RETAINED, CameraState
from iot_bridge.topics import Publication, Topics

from facewire.controls import Controls
from facewire.health import Health
from facewire.messages import FaceEvent, Person, Track, Tracks
from tests.unit.messages import EVENT, TRACK, tracks
from tests.unit.home import fields

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
    assert [one.topic.rpartition("/")[2] for one in said] == [*("availability", "presence", "count", "status", "faces")]
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
        (f"{DOOR}/status", b"watching"),
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


def test_a_zone_that_is_no_more_is_forgotten_and_a_new_one_is_told() -> None:
    camera = CameraState("door", TOPICS, 2.0, 1.0, ("porch", "steps"))
    inside = replace(face(1), zones=("porch", "steps"))
    camera.update(seen(inside), 100.0)
    (erased,) = camera.mark(("porch", "yard"))
    assert (erased.topic, erased.payload, erased.retain) == (f"{DOOR}/zone/steps", b"", True)
    said = camera.update(seen(inside), 100.1)
    assert (zone_states(said, "porch"), zone_states(said, "yard")) == ([], [("OFF", 0)])
    assert not any(one.topic == erased.topic for one in [*said, *camera.retained()])
    # It comes back later, and is told anew.
    assert camera.mark(("porch", "yard", "steps")) == []
    assert zone_states(camera.update(seen(inside), 100.2), "steps") == [("ON", 1)]


def test_zones_that_change_are_described_anew_before_what_was_said_of_them_is_erased() -> None:
    ears = Ears(replace(NODE, zones={"door": ["porch"]}))
    ears.home.update(seen(replace(face(1), zones=("porch",))))
    ears.take()
    ears.home.mark({"door": ["porch"]})
    assert ears.take() == []
    ears.home.mark({"door": ["steps"]})
    removing, remaining, erased = ears.take()
    assert components(removing)["door.porch.occupancy"] == {"p": "binary_sensor"}
    assert "door.porch.occupancy" not in components(remaining)
    assert "door.steps.occupancy" in components(remaining)
    assert (erased.topic, erased.payload) == (f"{DOOR}/zone/porch", b"")
    ears.home.mark({"door": ["steps"], "hall": ["bench"]})
    assert "door.steps.occupancy" in components(ears.take()[0])


# ---- all cameras of a node


class Ears:
    """A home whose clock the test turns, and what it said."""

    def __init__(self, node: Node = NODE) -> None:
        self.now_s = 100.0
        self.said: list[Publication] = []
        people = People(TOPICS, 2.0, kept_days=3650)
        self.home = Home(node, self.make, people, lambda: self.now_s, self.hear)

    def make(self, camera: str) -> CameraState:
        return CameraState(camera, TOPICS, 2.0, 2.0, self.home.node.zones.get(camera, ()))

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
        f"{DOOR}/status",
        ADA,
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
    assert {one.topic for one in erased} == {f"{DOOR}/{leaf}" for leaf in RETAINED}
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


# ---- what a camera does, and whom it saw last


def test_a_silent_camera_is_told_from_a_private_one() -> None:
    camera, said = state(), []
    said += camera.update(seen(), 100.0)
    said += camera.obey(Controls(private=frozenset({"door"})), 100.5)
    said += camera.tick(105.0)
    assert told(said, "status") == ["watching", "privacy"]
    assert told(said, "availability") == ["online", "offline"]
    said += camera.obey(Controls(undetected=frozenset({"door"})), 106.0)
    said += camera.update(seen(), 107.0)
    said += camera.obey(Controls(private=frozenset({"hall"})), 108.0)
    assert told(said, "status") == ["watching", "privacy", "silent", "detection off", "watching"]


def named(name: str | None, at_ns: int, camera: str = "door") -> FaceEvent:
    who = Person(name, 0.75) if name else None
    kind: Any = "identified" if name else "unknown"
    return replace(EVENT, type=kind, identity=who, camera=camera, started_ns=1, at_ns=at_ns)


def test_the_last_face_is_the_last_one_named_and_an_older_event_changes_nothing() -> None:
    ears = Ears()
    for event in (named("Ada", 20), named("Bob", 10), named(None, 30), replace(EVENT, at_ns=40, started_ns=1)):
        ears.home.happen(event)
    said = [json.loads(text)["name"] for text in told(ears.take(), "last_face")]
    assert said == ["Ada", "unknown"]
    ears.home.say_everything()
    assert [json.loads(text)["name"] for text in told(ears.take(), "last_face")] == ["unknown"]


def test_the_last_face_of_an_earlier_run_is_remembered_and_not_overtaken_by_what_was_before() -> None:
    ears = Ears()
    ears.home.remember_face("door", last_face(named("Ada", 20)).encode())
    ears.home.happen(named("Bob", 19))
    assert told(ears.take(), "last_face") == []
    ears.home.say_everything()
    assert [json.loads(text)["name"] for text in told(ears.take(), "last_face")] == ["Ada"]
    ears.home.happen(named("Bob", 21))
    assert [json.loads(text)["name"] for text in told(ears.take(), "last_face")] == ["Bob"]


# ---- people

ADA = TOPICS.person(key_of("Ada"))


def as_(name: str | None, number: int = 1) -> Track:
    return replace(TRACK, id=number, identity=Person(name, 0.75) if name else None)


def presences(publications: list[Publication], topic: str = ADA) -> list[tuple[str, str]]:
    said = [fields(one) for one in publications if one.topic == topic and one.payload]
    return [(one["presence"], one["camera"]) for one in said]


def test_a_person_is_described_when_they_are_first_recognised_and_is_present_until_not_seen_for_long_enough() -> None:
    ears = Ears()
    ears.home.update(seen(as_(None)))
    assert key_of("Ada") not in str(ears.take())
    ears.home.update(seen(as_("Ada")))
    described, state_ = (one for one in ears.take() if one.topic in (NODE.config_topic, ADA))
    assert f"person.{key_of('Ada')}" in components(described)
    assert fields(state_) == {"name": "Ada", "presence": "ON", "camera": "door", "at": "2023-11-14T22:13:20.000+00:00"}
    assert state_.retain
    ears.now_s += 2
    ears.home.update(seen())
    assert presences(ears.take()) == []
    ears.now_s += 0.1
    ears.home.update(seen())
    ears.home.tick()
    ears.home.tick()
    assert presences(ears.take()) == [("OFF", "door")]


def test_nobody_is_present_of_whom_only_a_tentative_face_is_seen() -> None:
    ears = Ears()
    ears.home.update(seen(replace(as_("Ada"), state="tentative")))
    assert presences(ears.take()) == []


def test_a_person_whom_two_cameras_see_does_not_flicker_and_is_where_they_were_seen_last() -> None:
    ears = Ears()
    for step in range(10):
        ears.now_s += 0.1
        ears.home.update(seen(as_("Ada"), camera="hall" if step % 2 else "door"))
    assert presences(ears.take()) == [("ON", "door")]
    for _ in range(3):
        ears.now_s += 1
        ears.home.update(seen(as_("Ada"), camera="hall"))
    assert presences(ears.take()) == [("ON", "hall")]


def remembered(name: str, presence: str, at: str = "2026-11-01T10:00:00.000+00:00") -> bytes:
    return json.dumps({"name": name, "presence": presence, "camera": "door", "at": at}).encode()


def test_people_of_an_earlier_run_are_known_and_absent_unless_seen_soon() -> None:
    ears = Ears()
    bob, eve = (TOPICS.person(key_of(name)) for name in ("Bob", "Eve"))
    for name, presence in (("Ada", "ON"), ("Bob", "ON"), ("Eve", "OFF")):
        ears.home.remember_person(key_of(name), remembered(name, presence, datetime.now(UTC).isoformat()))
    described = [one for one in ears.take() if one.topic == NODE.config_topic]
    assert {f"person.{key_of(name)}" for name in ("Ada", "Bob", "Eve")} <= components(described[-1]).keys()
    ears.now_s += 1.5
    ears.home.update(seen(as_("Ada")))
    ears.now_s += 1.5
    ears.home.tick()
    said = ears.take()
    assert (presences(said), presences(said, bob), presences(said, eve)) == ([], [("OFF", "door")], [])
    ears.home.say_everything()
    said = ears.take()
    again = [presences(said, topic) for topic in (ADA, bob, eve)]
    assert again == [[("ON", "door")], [("OFF", "door")], [("OFF", "door")]]


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        remembered("Bob", "ON"),
        remembered("Ada", "PERHAPS"),
        remembered("Ada", "ON", "yesterday"),
        remembered("Ada", "ON", "2026-11-01T10:00:00"),
        remembered("Ada", "ON").replace(b'"door"', b'"+"'),
    ],
)
def test_what_is_no_state_of_this_person_is_not_remembered(payload: bytes) -> None:
    ears = Ears()
    ears.home.remember_person(key_of("Ada"), payload)
    assert ears.take() == []


def test_who_was_not_seen_for_too_long_is_removed_and_their_topic_erased() -> None:
    ears = Ears()
    long_ago = datetime.now(UTC) - timedelta(days=3651)
    ears.home.remember_person(key_of("Ada"), remembered("Ada", "OFF", long_ago.isoformat()))
    ears.take()
    ears.home.tick()
    removing, remaining, erased = ears.take()
    assert components(removing)[f"person.{key_of('Ada')}"] == {"p": "binary_sensor"}
    assert f"person.{key_of('Ada')}" not in components(remaining)
    assert (erased.topic, erased.payload, erased.retain) == (ADA, b"", True)


def test_who_is_seen_is_not_removed_though_a_cameras_clock_is_years_behind() -> None:
    ears = Ears()
    ears.home.update(replace(seen(as_("Ada")), captured_ns=1))
    ears.take()
    ears.home.tick()
    assert ears.take() == []
    ears.now_s += 3
    ears.home.tick()
    assert components(ears.take()[-2]).keys().isdisjoint({f"person.{key_of('Ada')}"})


def test_an_owner_removes_a_person_by_erasing_their_topic() -> None:
    ears = Ears()
    ears.home.update(seen(as_("Ada")))
    ears.take()
    ears.home.remember_person(key_of("Ada"), b"")
    assert components(ears.take()[0])[f"person.{key_of('Ada')}"] == {"p": "binary_sensor"}
    ears.home.remember_person(key_of("Ada"), b"")
    assert ears.take() == []


def test_erasing_somebody_who_stands_there_does_not_go_round_for_ever() -> None:
    ears = Ears()
    echoes = [Publication(ADA, b"", retain=True)]
    for _ in range(5):
        ears.now_s += 0.1
        ears.home.update(seen(as_("Ada")))
        # What we publish there, we hear.
        for echo in echoes:
            ears.home.remember_person(key_of("Ada"), echo.payload)
        echoes = [one for one in ears.take() if one.topic == ADA and not one.payload]
    assert echoes == []
    ears.home.say_everything()
    assert presences(ears.take()) == [("ON", "door")]


def test_people_whose_names_look_alike_are_told_apart() -> None:
    ears = Ears()
    names = ("Zoe", "Zoë", "ZOE", "zoe!", "李", "+/#", "\n", "a" * 128, "a" * 127 + "b")
    ears.home.update(seen(*(as_(name, number) for number, name in enumerate(names, 1))))
    ears.home.say_everything()
    said = [one for one in ears.take() if one.topic.startswith(TOPICS.person(""))]
    topics = {one.topic for one in said}
    assert len(topics) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]{1,32}-[0-9a-f]{10}", topic.rpartition("/")[2]) for topic in topics)


def test_people_without_end_do_not_fill_the_home() -> None:
    ears = Ears()
    for number in range(MOST_PEOPLE + 5):
        ears.home.update(seen(as_(f"Ada {number}")))
    ears.take()
    ears.home.say_everything()
    assert sum(one.topic.startswith(TOPICS.person("")) for one in ears.take()) == MOST_PEOPLE


# ---- what is switched


def switched(publications: list[Publication]) -> dict[str, str]:
    names = ("detection", "privacy", "recognition", "detect_every", "backend")
    return {
        one.topic.removeprefix("facewire/door-pi/"): one.payload.decode()
        for one in publications
        if one.topic.rpartition("/")[2] in names
    }


def test_nothing_is_said_of_switches_until_the_store_says_it_and_then_only_what_changes() -> None:
    ears = Ears()
    ears.home.update(seen())
    ears.home.say_everything()
    assert switched(ears.take()) == {}
    ears.home.obey(Controls())
    assert switched(ears.take()) == {
        "door/detection": "ON",
        "door/privacy": "OFF",
        "recognition": "ON",
        "detect_every": "0",
        "backend": "auto",
    }
    ears.home.obey(Controls())
    assert switched(ears.take()) == {}
    ears.home.obey(Controls(private=frozenset({"door"}), detect_every=4, backend="ncnn"))
    assert switched(ears.take()) == {"door/privacy": "ON", "detect_every": "4", "backend": "ncnn"}
    ears.home.update(seen(camera="hall"))
    assert switched(ears.take()) == {"hall/detection": "ON", "hall/privacy": "OFF"}
    ears.home.say_everything()
    assert len(switched(ears.take())) == 7


def test_backends_can_be_chosen_once_the_detector_says_which_work() -> None:
    ears = Ears()
    detector = Health("detector", "1", 0.0, healthy=True, notes={"usable": "tvm ncnn onnxruntime"})
    for _ in range(2):
        ears.home.fare([detector])
    described = [one for one in ears.take() if one.topic == NODE.config_topic]
    assert [components(one)["backend_choice"]["ops"] for one in described] == [["auto", "ncnn", "onnxruntime", "tvm"]]
    ears.home.fare([])
    assert [one.topic for one in ears.take()] == [TOPICS.health]
    assert ears.home.choices.backends == ("ncnn", "onnxruntime", "tvm")


# ---- what an earlier release described


def test_what_an_earlier_release_described_and_this_one_does_not_is_removed_once_all_is_remembered() -> None:
    ears = Ears()
    former = {"door_old": {"p": "switch", "name": "x"}, "hall_count": {"p": "sensor", "name": "x"}}
    same = {"door_count": {"p": "sensor", "name": "x"}, "door_still": {"p": "image", "name": "x"}}
    ears.home.remember_description(json.dumps({"cmps": former | same}).encode())
    ears.home.remember("door")
    ears.take()
    ears.now_s += 9.9
    ears.home.update(seen())
    ears.home.tick()
    assert NODE.config_topic not in [one.topic for one in ears.take()]
    ears.now_s += 0.2
    ears.home.tick()
    removing, remaining = ears.take()
    removed = {key: each for key, each in components(removing).items() if set(each) == {"p"}}
    assert removed == {
        "door_old": {"p": "switch"},
        "hall_count": {"p": "sensor"},
        "door_still": {"p": "image"},
    }
    assert components(remaining)["door_still"]["p"] == "camera"
    assert {"door_old", "hall_count"}.isdisjoint(components(remaining))
    ears.home.tick()
    assert ears.take() == []


def test_our_own_description_that_comes_back_removes_nothing() -> None:
    ears = Ears()
    ears.home.update(seen(as_("Ada")))
    ears.home.say_everything()
    (described,) = [one for one in ears.take() if one.topic == NODE.config_topic][-1:]
    ears.home.remember_description(described.payload)
    ears.now_s += 1.0
    ears.home.update(seen(as_("Ada")))
    ears.take()
    ears.now_s += 9.5
    ears.home.tick()
    assert NODE.config_topic not in [one.topic for one in ears.take()]
