"""How the bridge describes itself to Home Assistant: in its words, completely, and nothing under one ID twice."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iot_bridge.discovery import Components, Node, components, device_publication, former_platforms, gone, named
from iot_bridge.payloads import event_publications, health_publication
from iot_bridge.people import key_of
from iot_bridge.topics import Topics

from tests.unit.home import NODE, OF_CAMERA, OF_NODE, TOPICS, described, fields, known, names
from tests.unit.messages import EVENT, cameras

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
