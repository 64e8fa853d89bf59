"""What the bridge puts into MQTT: payloads, Home Assistant's discovery, topics, and the settings they come from."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.discovery import (
    Components,
    Known,
    Node,
    components,
    device_publication,
    former_platforms,
    gone,
    named,
)
from iot_bridge.locks.topics import PIN, of_lock
from iot_bridge.payloads import event_publications, faces_publication, health_publication, last_face, remembered_face
from iot_bridge.people import key_of
from iot_bridge.settings import BridgeSettings
from iot_bridge.topics import Publication, Topics
from jinja2 import Environment

from facewire.health import Health
from facewire.messages import FaceEvent, Person, Tracks
from facewire.sanity import TAKEN_NAMES
from facewire.settings import load
from tests.unit.messages import CROSSED, ENTERED, EVENT, LEFT_ZONE, TRACK, TRACKS, cameras, events

TOPICS = Topics("facewire", "door-pi")
NODE = Node(TOPICS, "Door", "homeassistant")
SECRET = "s3cr3t-passw0rd"

# Of homeassistant/components/mqtt/abbreviations.py, what is used here; and the full names that are.
ABBREVIATIONS = {
    "atype": "automation_type",
    "avty": "availability",
    "avty_mode": "availability_mode",
    "cmd_t": "command_topic",
    "cmps": "components",
    "cont_type": "content_type",
    "dev": "device",
    "dev_cla": "device_class",
    "ent_cat": "entity_category",
    "evt_typ": "event_types",
    "ic": "icon",
    "img_t": "image_topic",
    "json_attr_t": "json_attributes_topic",
    "json_attr_tpl": "json_attributes_template",
    "o": "origin",
    "ops": "options",
    "p": "platform",
    "pl": "payload",
    "stat_cla": "state_class",
    "stat_t": "state_topic",
    "stype": "subtype",
    "t": "topic",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}
FULL_NAMES = {"name", "unique_id", "default_entity_id", "qos", "min", "max", "step", "mode", "type", "title"} | {
    "latest_version_topic"
}
DEVICE_ABBREVIATIONS = {"ids", "name", "mf", "mdl", "sw"}
REQUIRED = {
    "binary_sensor": {"stat_t"},
    "sensor": {"stat_t"},
    "event": {"stat_t", "evt_typ"},
    "image": {"img_t"},
    "camera": {"t"},
    "switch": {"cmd_t", "stat_t"},
    "number": {"cmd_t", "stat_t", "min", "max"},
    "select": {"cmd_t", "stat_t", "ops"},
    "update": {"stat_t", "latest_version_topic"},
    "device_automation": {"atype", "t", "type", "stype"},
}
OF_CAMERA = {
    *(f"door_{leaf}" for leaf in ("presence", "count", "last_face", "event", "snapshot", "still", "status")),
    *(f"door_{leaf}" for leaf in ("detect_every", "detection", "privacy")),
    *(f"door.on.{kind}" for kind in ("appeared", "identified", "unknown", "left")),
}
OF_NODE_READ = ("temperature", "memory", "dropped", "update")
OF_NODE = {
    *("recognition", "detect_interval", "backend_choice", "backend", "problem", "update"),
    *("fps", "latency", "temperature", "memory", "dropped"),
}


def fields(publication: Publication) -> dict[str, Any]:
    return dict(json.loads(publication.payload))


def known(*cameras: str, **more: Any) -> Known:
    return Known(frozenset(cameras), **more)


def described(node: Node, *names: str) -> dict[str, Any]:
    return fields(device_publication(node, known(*names)))


# ---- events, faces, health


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


# ---- discovery


def test_the_device_is_described_in_words_that_home_assistant_knows() -> None:
    said = device_publication(NODE, known("door", people={"ada-1": "Ada"}))
    assert said.topic == "homeassistant/device/facewire_door-pi/config"
    assert said.retain
    described = fields(said)
    assert set(described) <= ABBREVIATIONS.keys() | FULL_NAMES
    assert set(described["dev"]) <= DEVICE_ABBREVIATIONS
    assert described["dev"]["ids"]
    assert described["o"]["name"] == "facewire"
    for component in described["cmps"].values():
        assert set(component) <= ABBREVIATIONS.keys() | FULL_NAMES
        assert REQUIRED[component["p"]] <= set(component)
        if component["p"] != "device_automation":
            assert component["unique_id"]
            assert component["name"]
            assert component["default_entity_id"].startswith(f"{component['p']}.facewire_door_pi_")


def test_each_entity_of_a_camera_is_gone_with_the_camera_and_with_the_node() -> None:
    described_ = described(NODE, "door")
    assert described_["avty"] == [{"t": TOPICS.availability}]
    for key in ("door_presence", "door_count", "door_event", "door_snapshot", "door_last_face", "door_still"):
        component = described_["cmps"][key]
        assert [one["t"] for one in component["avty"]] == [TOPICS.availability, TOPICS.of("door", "availability")]
        assert component["avty_mode"] == "all"


def test_what_a_camera_is_switched_by_is_there_while_the_camera_is_not() -> None:
    for key in ("door_privacy", "door_detection", "door_status", "door_detect_every", "recognition"):
        assert "avty" not in described(NODE, "door")["cmps"][key]


def test_entities_listen_to_what_the_bridge_says() -> None:
    components = described(NODE, "door")["cmps"]
    assert components["door_presence"]["stat_t"] == TOPICS.of("door", "presence")
    assert components["door_count"]["stat_t"] == TOPICS.of("door", "count")
    snapshot, told = event_publications(EVENT, TOPICS)
    assert components["door_event"]["stat_t"] == told.topic
    assert components["door_snapshot"]["img_t"] == snapshot.topic
    for key in ("fps", "latency", "backend", "problem", "door_detect_every"):
        assert components[key]["stat_t"] == health_publication([], [], TOPICS).topic


def test_a_device_has_all_that_its_users_expect() -> None:
    assert set(described(NODE, "door")["cmps"]) == OF_CAMERA | OF_NODE
    assert set(described(NODE)["cmps"]) == OF_NODE
    assert set(described(replace(NODE, stills=False), "door")["cmps"]) == (OF_CAMERA | OF_NODE) - {"door_still"}


def test_what_is_no_more_is_named_by_its_platform_alone() -> None:
    were = {key: component["p"] for key, component in components(NODE, known("door", "hall")).items()}
    leaving = gone(were, components(NODE, known("hall")))
    assert set(leaving) == OF_CAMERA
    said = fields(device_publication(NODE, known("hall"), leaving))["cmps"]
    assert {key: said[key] for key in OF_CAMERA} == leaving
    assert all(component == {"p": were[key]} for key, component in leaving.items())
    assert leaving["door.on.left"] == {"p": "device_automation"}
    assert "unique_id" in said["hall_presence"]


def test_what_is_of_another_platform_now_is_removed_first() -> None:
    now = components(NODE, known("door"))
    assert gone({"door_still": "image", "door_count": "sensor"}, now) == {"door_still": {"p": "image"}}


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{", b'{"cmps":[]}', b'{"cmps":{"a":3}}', b'{"cmps":{"a":{"name":"x"}}}', b"[" * 100_000, b"\xff"],
)
def test_a_former_description_that_is_none_removes_nothing(payload: bytes) -> None:
    assert former_platforms(payload) == {}


def test_a_former_description_names_what_was_and_not_what_was_just_removed() -> None:
    said = device_publication(NODE, known("door"), {"attic_count": {"p": "sensor"}})
    assert former_platforms(said.payload).keys() == OF_CAMERA | OF_NODE


def test_a_person_has_a_presence_that_names_them() -> None:
    people = {key_of(name): name for name in ("Ada", "Åda", "李 🙂", "ada")}
    assert len(people) == 4
    described_ = fields(device_publication(NODE, known(people=people)))["cmps"]
    entities = {key: described_[f"person.{key}"] for key in people}
    assert len({entity["unique_id"] for entity in entities.values()}) == 4
    for key, name in people.items():
        assert re.fullmatch(r"[a-z0-9_]+-[0-9a-f]{10}", key)
        assert entities[key]["name"] == f"{name} presence"
        assert entities[key]["stat_t"] == entities[key]["json_attr_t"] == f"facewire/door-pi/people/{key}"
    assert entities[key_of("Ada")]["default_entity_id"] == "binary_sensor.facewire_door_pi_person_ada"
    assert entities[key_of("李 🙂")]["default_entity_id"] == "binary_sensor.facewire_door_pi_person_person"


def test_commands_go_below_the_state_that_follows_them() -> None:
    said = fields(device_publication(replace(NODE, detect_every_max=40), known("door", backends=("ncnn", "tvm"))))
    commanded = {key: each for key, each in said["cmps"].items() if "cmd_t" in each}
    assert set(commanded) == {"door_detection", "door_privacy", "recognition", "detect_interval", "backend_choice"}
    for entity in commanded.values():
        assert entity["cmd_t"] == f"{entity['stat_t']}/set"
        assert TOPICS.command_of(entity["cmd_t"]) is not None
        assert "retain" not in entity
    assert (commanded["detect_interval"]["min"], commanded["detect_interval"]["max"]) == (0, 40)
    assert commanded["backend_choice"]["ops"] == ["auto", "ncnn", "tvm"]


def test_what_another_part_adds_is_described_too() -> None:
    def locks(node: Node) -> Components:
        entity = {"p": "switch", "name": "Unlocking", "cmd_t": "a/set", "stat_t": "a"}
        return {"lock.front": named(node, "lock.front", entity)}

    added = described(replace(NODE, parts=[locks]))["cmps"]["lock.front"]
    assert added["unique_id"] == "facewire_door-pi.lock.front"


def test_each_zone_has_its_occupancy_and_count_below_its_camera() -> None:
    components = described(replace(NODE, zones={"door": ("porch", "the-steps"), "attic": ("roof",)}), "door")["cmps"]
    zones = {key: component for key, component in components.items() if "." in key and ".on." not in key}
    assert set(zones) == {f"door.{zone}.{leaf}" for zone in ("porch", "the-steps") for leaf in ("occupancy", "count")}
    occupancy = zones["door.the-steps.occupancy"]
    assert (occupancy["p"], occupancy["dev_cla"]) == ("binary_sensor", "occupancy")
    assert occupancy["stat_t"] == TOPICS.zone("door", "the-steps") == "facewire/door-pi/door/zone/the-steps"
    assert occupancy["val_tpl"] == "{{ value_json.occupancy }}"
    assert occupancy["avty"] == components["door_presence"]["avty"]
    assert occupancy["default_entity_id"] == "binary_sensor.facewire_door_pi_door_the_steps_occupancy"
    for component in zones.values():
        assert set(component) <= ABBREVIATIONS.keys() | FULL_NAMES


def test_zones_and_cameras_of_similar_names_share_no_unique_id() -> None:
    zones = {"a": ("b", "b_c", "count"), "a_b": ("c", "b"), "a_b_c": ("count",)}
    components = described(replace(NODE, zones=zones), *zones)["cmps"]
    ids = [component["unique_id"] for component in components.values() if "unique_id" in component]
    assert len(set(ids)) == len(ids) == 3 * (len(OF_CAMERA) - 4) + len(OF_NODE) + 6 * 2


names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True)


def unique_ids(node: str, *names: str) -> set[str]:
    components = described(Node(Topics("facewire", node), "x", "homeassistant"), *names)["cmps"]
    ids = {component["unique_id"] for component in components.values() if "unique_id" in component}
    assert len(components) == len(OF_CAMERA) * len(names) + len(OF_NODE)
    assert len(ids) == len(components) - 4 * len(names)
    return ids


@given(st.lists(names, min_size=2, max_size=2, unique=True), st.sets(cameras, max_size=4), st.sets(cameras, max_size=4))
def test_two_nodes_share_no_unique_id(nodes: list[str], mine: set[str], yours: set[str]) -> None:
    assert not unique_ids(nodes[0], *mine) & unique_ids(nodes[1], *yours)


def test_nodes_and_cameras_of_similar_names_share_no_unique_id() -> None:
    assert not unique_ids("door", "pi_cam") & unique_ids("door_pi", "cam")


def test_the_description_of_sixteen_cameras_stays_small() -> None:
    many = device_publication(NODE, known(*(f"camera-{number:02}" for number in range(16))))
    assert len(many.payload) < 100_000
    assert len(device_publication(NODE, known("door")).payload) < 9_000


def test_the_detect_interval_is_read_from_the_detectors_note() -> None:
    sensor = described(NODE, "door")["cmps"]["door_detect_every"]
    # Home Assistant's templates are Jinja; to it, a state of `None` is unknown.
    state, attributes = (Environment().from_string(sensor[key]) for key in ("val_tpl", "json_attr_tpl"))
    noted = Health("detector", "1", 0.0, healthy=True, notes={"detect_every door": "2 frames, new motion"})
    for healths, expected in (([noted], ("2", "new motion")), ([], ("None", "None"))):
        told = fields(health_publication(healths, [], TOPICS))
        rendered = (state.render(value_json=told), json.loads(attributes.render(value_json=told))["reason"])
        assert rendered == expected


# ---- topics and settings


@given(names, cameras)
def test_no_topic_has_a_wildcard_or_an_empty_level(node: str, camera: str) -> None:
    topics = Topics("home/faces", node)
    about = Node(topics, "x", "homeassistant")
    leaves = ("availability", "presence", "count", "faces", "event", "snapshot", "last_face", "still", "status")
    named = [topics.of(camera, leaf) for leaf in leaves]
    for topic in (*named, topics.availability, topics.health, about.config_topic, about.birth_topic):
        assert not set(topic) & set("+#\x00")
        assert all(topic.split("/"))
    assert len(set(named)) == len(leaves)
    assert topics.camera(topics.of(camera, "availability")) == camera
    assert not any(map(topics.zone_of, named))


def test_no_camera_may_be_called_what_topics_have_beside_the_cameras() -> None:
    beside = {
        TOPICS.command("light.porch"),
        TOPICS.person("ada-99"),
        TOPICS.said,
        TOPICS.wav,
        of_lock(TOPICS, "a", PIN),
    }
    assert {topic.split("/")[2] for topic in beside} == set(TAKEN_NAMES)


@given(names, cameras, cameras)
def test_a_zones_topic_names_its_camera_and_zone(node: str, camera: str, zone: str) -> None:
    topics = Topics("home/faces", node)
    topic = topics.zone(camera, zone)
    assert topics.zone_of(topic) == (camera, zone)
    assert topic.split("/")[:-3] == topics.any_zone.split("/")[:-3]


@pytest.mark.parametrize("prefix", ["facewire", "home/faces", "home.faces", "Zuhause/Tür"])
def test_home_assistant_accepts_the_name_of_the_device(prefix: str) -> None:
    topic = Node(Topics(prefix, "door-pi"), "x", "homeassistant").config_topic
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("NODE_ID", value) for value in ("a/b", "+", "Door", "a b", "-x", "x" * 33)),
        *(("TOPIC_PREFIX", value) for value in ("face/#", "+", "a b", "/a", "a/", "$SYS", "x" * 66)),
        *(("DISCOVERY_PREFIX", value) for value in ("home/+", "homeassistant/")),
        *(("MQTT_PORT", value) for value in ("0", "65536", "mqtt", "1883.5")),
        *(("STILL_EVERY_S", value) for value in ("-1", "nan", "3601")),
        *(("PEOPLE_KEPT_DAYS", value) for value in ("0", "x")),
        *(("DETECT_EVERY_MAX", value) for value in ("0", "301")),
        *(("FACES_HZ", value) for value in ("0", "-1", "nan", "61")),
        *(("PRESENCE_OFF_AFTER_S", value) for value in ("-1", "nan", "inf")),
        ("MQTT_TLS", "perhaps"),
    ],
)
def test_a_bad_setting_ends_the_bridge_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv("MQTT_USERNAME", "facewire")
    monkeypatch.setenv("MQTT_PASSWORD", SECRET)
    monkeypatch.setenv(name, value)
    line = complaint(capsys)
    assert line.startswith(f"facewire: {name}: ")
    assert f"for example {name}=" in line
    assert SECRET not in line


def test_a_password_without_a_username_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", SECRET)
    line = complaint(capsys)
    assert line.startswith("facewire: MQTT_USERNAME: must be set")
    assert SECRET not in line


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        load(BridgeSettings)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("prefix", ["facewire", "home/faces", "f", "x" * 64])
def test_a_good_prefix_is_taken(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv("TOPIC_PREFIX", prefix)
    assert load(BridgeSettings).topic_prefix == prefix


def test_the_password_does_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_USERNAME", "facewire")
    monkeypatch.setenv("MQTT_PASSWORD", SECRET)
    settings = load(BridgeSettings)
    assert SECRET not in f"{settings!r} {settings}"
