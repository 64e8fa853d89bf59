"""Say what the bridge listens for over MQTT, and who is told."""

from collections.abc import Callable

from iot_bridge.commands import Commands
from iot_bridge.hearing import Ear
from iot_bridge.home import Home
from iot_bridge.topics import Topics

Hear = Callable[[str, bytes], None]


def ears(home: Home, commands: Commands) -> list[Ear]:
    """Return all that is listened for: Home Assistant's start, what an earlier run left behind, and commands."""
    node, topics = home.node, home.node.topics

    def born(_topic: str, payload: bytes, kept: bool) -> None:  # noqa: FBT001  as the broker says it
        # Who was born before we came is told everything as we come.
        if payload == b"online" and not kept:
            home.births.hear()

    def person(topic: str, payload: bytes, kept: bool) -> None:  # noqa: FBT001  as the broker says it
        if kept or not payload:
            home.remember_person(topic.rpartition("/")[2], payload)

    return [
        Ear((node.birth_topic,), born),
        _memory(topics.any_camera_availability, lambda topic, _: home.remember(topics.camera(topic))),
        _memory(topics.any_zone, lambda topic, _: _remember_zone(home, topics, topic)),
        _memory(topics.any_last_face, lambda topic, payload: home.remember_face(topics.camera(topic), payload)),
        _memory(node.config_topic, lambda _, payload: home.remember_description(payload)),
        _memory(node.any_entity_config, lambda topic, _: home.remember_entity(topic)),
        Ear((topics.any_person,), person),
        # Not kept for us while we are away: whoever commands sees that nothing was switched, and may think again.
        Ear(topics.any_command, commands.hear, qos=0),
    ]


def _memory(topics: str, remember: Hear) -> Ear:
    """Listen for what the broker has kept of an earlier run; what we say ourselves comes back too, and is nothing."""

    def heard(topic: str, payload: bytes, kept: bool) -> None:  # noqa: FBT001  as the broker says it
        if kept and payload:
            remember(topic, payload)

    return Ear((topics,), heard)


def _remember_zone(home: Home, topics: Topics, topic: str) -> None:
    found = topics.zone_of(topic)
    if found is not None:
        home.remember_zone(*found)
