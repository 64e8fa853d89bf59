"""What the bridge says of events, faces, services and who was seen last."""

import json
from dataclasses import replace

from hypothesis import given
from iot_bridge.payloads import event_publications, faces_publication, health_publication, last_face, remembered_face
from jinja2 import Environment

from facewire.health import Health
from facewire.messages import FaceEvent, Person, Tracks
from tests.unit.home import NODE, TOPICS, described, fields
from tests.unit.messages import CROSSED, ENTERED, EVENT, LEFT_ZONE, TRACK, TRACKS, events

OF_NODE_READ = ("temperature", "memory", "dropped", "update")


def test_the_picture_is_there_before_the_event_is_told() -> None:
    snapshot, told = event_publications(EVENT, TOPICS)
    assert (snapshot.topic, snapshot.payload) == ("facewire/door-pi/door/snapshot", EVENT.snapshot)
    assert snapshot.retain
    assert told.topic == "facewire/door-pi/door/event"


def test_an_event_without_a_picture_keeps_the_last_one() -> None:
    (told,) = event_publications(replace(EVENT, snapshot=None), TOPICS)
    assert told.topic == "facewire/door-pi/door/event"


def test_an_event_says_what_happened() -> None:
    told = fields(event_publications(replace(EVENT, identity=Person("Ada", 0.75, live=True)), TOPICS)[-1])
    assert told == {
        "event_type": "appeared",
        "id": "door-3-appeared",
        "camera": "door",
        "track_id": 3,
        "identity": {"name": "Ada", "similarity": 0.75, "live": True},
        "started_ns": EVENT.started_ns,
        "at_ns": EVENT.at_ns,
        "captured_ns": EVENT.at_ns,
    }


def test_an_event_says_where_it_happened() -> None:
    places = {"zone", "line", "direction", "dwell_s"}
    said = [fields(event_publications(event, TOPICS)[-1]) for event in (ENTERED, LEFT_ZONE, CROSSED, EVENT)]
    assert [{name: told[name] for name in places & told.keys()} for told in said] == [
        {"zone": "porch"},
        {"zone": "porch", "dwell_s": 2.5},
        {"line": "sill", "direction": "in"},
        {},
    ]
    assert [told["event_type"] for told in said] == ["entered", "left_zone", "crossed", "appeared"]


@given(events())
def test_no_event_is_retained_and_each_says_when_it_was(event: FaceEvent) -> None:
    told = event_publications(event, TOPICS)[-1]
    assert not told.retain
    assert fields(told)["captured_ns"] == event.at_ns
    assert fields(told)["event_type"] in described(NODE, "door")["cmps"]["door_event"]["evt_typ"]


def test_a_name_stays_as_it_is_written() -> None:
    ada = Person("Ådå 李 🙂", 0.5)
    told = event_publications(replace(EVENT, identity=ada), TOPICS)[-1]
    assert "Ådå 李 🙂".encode() in told.payload
    faces = faces_publication(replace(TRACKS, tracks=(replace(TRACK, identity=ada),)), TOPICS)
    assert fields(faces)["faces"][0]["identity"]["name"] == "Ådå 李 🙂"


def test_faces_say_where_they_are_and_leave_out_who_does_not_count_yet() -> None:
    others = replace(TRACK, id=4, state="tentative"), replace(TRACK, id=5, state="coasting", score=0.12345)
    told = faces_publication(Tracks("door", 9, 1_700_000_000_000_000_009, (TRACK, *others)), TOPICS)
    assert told.topic == "facewire/door-pi/door/faces"
    assert not told.retain
    said = fields(told)
    assert (said["camera"], said["seq"], said["captured_ns"]) == ("door", 9, 1_700_000_000_000_000_009)
    assert [face["id"] for face in said["faces"]] == [3, 5]
    assert said["faces"][0] == {
        "id": 3,
        "xyxy": [10.0, 10.5, 20.0, 26.0],
        "score": 0.875,
        "state": "confirmed",
        "velocity": [-1.5, 0.0],
        "identity": {"name": "Ada", "similarity": 0.75, "live": True},
        "zones": [],
    }
    assert said["faces"][1]["score"] == 0.123


def test_health_is_good_only_when_every_service_is() -> None:
    capture = Health("capture", "1", 0.0, healthy=True, figures={"fps": 30.0}, notes={"healthy": "no, a note"})
    web = Health("web", "1", 0.0, healthy=False, waiting_for="Redis 'bus'")
    assert fields(health_publication([capture], [], TOPICS))["healthy"] is True
    told = health_publication([capture, web], [], TOPICS)
    assert told.retain
    said = fields(told)
    assert said["healthy"] is False
    assert said["services"]["capture"] == {"healthy": True, "waiting_for": "", "fps": 30.0}
    assert said["services"]["web"] == {"healthy": False, "waiting_for": "Redis 'bus'"}
    assert fields(health_publication([], [], TOPICS))["healthy"] is False


def test_health_adds_up_what_the_services_take_and_drop() -> None:
    figures = {"memory_mb": 80.5, "dropped": 3, "hottest_c": 61.25}
    detector = Health("detector", "1", 0.0, healthy=True, figures=figures)
    tracker = Health("tracker", "1", 0.0, healthy=True, figures={"memory_mb": 40.0, "dropped": 4})
    said = fields(health_publication([detector, tracker], [], TOPICS))
    assert (said["memory_mb"], said["dropped"], said["temperature_c"]) == (120.5, 7, 61.25)
    nothing = fields(health_publication([], [], TOPICS))
    assert (nothing["memory_mb"], nothing["dropped"], nothing["temperature_c"]) == (0, 0, None)


def test_diagnostics_are_read_from_health() -> None:
    components = described(NODE, "door")["cmps"]
    detector = Health("detector", "1", 0.0, healthy=True, figures={"memory_mb": 80.5, "hottest_c": 61.25})
    told = fields(health_publication([detector], [], TOPICS))
    shown = {key: Environment().from_string(components[key]["val_tpl"]).render(value_json=told) for key in OF_NODE_READ}
    assert shown == {
        "temperature": "61.25",
        "memory": "80.5",
        "dropped": "0",
        "update": json.dumps({"installed_version": told["version"]}),
    }
    assert told["version"]


def test_the_last_face_is_told_by_name_or_as_unknown() -> None:
    ada = replace(EVENT, type="identified", identity=Person("Ada", 0.75))
    said = json.loads(last_face(ada))
    assert said == {
        "name": "Ada",
        "at": "2023-11-14T22:13:20.000+00:00",
        "at_ns": EVENT.at_ns,
        "track_id": 3,
        "similarity": 0.75,
    }
    assert json.loads(last_face(replace(EVENT, type="unknown")))["name"] == "unknown"
    assert remembered_face(last_face(ada).encode()) == (EVENT.at_ns, last_face(ada))
    for broken in (b"", b"[]", b"{}", b'{"at_ns":"x"}', b"\xff", b'{"at_ns":1e999}'):
        assert remembered_face(broken) is None


def test_the_detect_interval_is_read_from_the_detectors_note() -> None:
    sensor = described(NODE, "door")["cmps"]["door_detect_every"]
    # Home Assistant's templates are Jinja; to it, a state of `None` is unknown.
    state, attributes = (Environment().from_string(sensor[key]) for key in ("val_tpl", "json_attr_tpl"))
    noted = Health("detector", "1", 0.0, healthy=True, notes={"detect_every door": "2 frames, new motion"})
    for healths, expected in (([noted], ("2", "new motion")), ([], ("None", "None"))):
        told = fields(health_publication(healths, [], TOPICS))
        rendered = (state.render(value_json=told), json.loads(attributes.render(value_json=told))["reason"])
        assert rendered == expected
