"""What a home is told of all cameras of a node: in which order, of which runs, and whom each saw last."""

import json
from dataclasses import replace
from typing import Any

import pytest
from iot_bridge.payloads import last_face
from iot_bridge.presence import RETAINED

from facewire.health import Health
from facewire.messages import FaceEvent, Person
from tests.unit.ears import ADA, DOOR, Ears, as_, components, face, seen, told
from tests.unit.home import NODE, TOPICS, fields
from tests.unit.messages import EVENT


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


# ---- whom a camera saw last


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
