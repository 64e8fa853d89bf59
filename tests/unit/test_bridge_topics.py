"""The bridge's topics: none that a broker or Home Assistant refuses, and none for two things."""

import re

import pytest
from hypothesis import given
from iot_bridge.discovery import Node
from iot_bridge.locks.topics import PIN, of_lock
from iot_bridge.topics import Topics

from facewire.sanity import TAKEN_NAMES
from tests.unit.home import TOPICS, names
from tests.unit.messages import cameras


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
