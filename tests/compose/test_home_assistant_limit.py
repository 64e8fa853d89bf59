"""A real Home Assistant keeps its entities while the broker's packet limit shrinks and grows under a running bridge."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.compose.assistant import Assistant, home_assistant
from tests.compose.engine import require_engine
from tests.integration.bridge import CONFIG, Room, bridging, kept
from tests.servers import free_port, mosquitto, redis_server, wait_for

pytestmark = [pytest.mark.compose, pytest.mark.timeout(300)]

PRESENCE = "binary_sensor.facewire_door_pi_door_presence"
COUNT = "sensor.facewire_door_pi_door_count"
RENAMED = "Is anybody at the door"
# The device's message is larger, and none of a single entity.
LIMIT = "max_packet_size 6000"


def registered(assistant: Assistant) -> dict[str, tuple[str, Any]]:
    """Return each MQTT entity's id and the name that a user gave it, by its unique id."""
    entities = assistant.ask("config/entity_registry/list")
    return {each["unique_id"]: (each["entity_id"], each["name"]) for each in entities if each["platform"] == "mqtt"}


def alive(assistant: Assistant) -> set[str]:
    """Return the MQTT entities that are available."""
    states = assistant.states()
    return {entity for entity, _ in registered(assistant).values() if _is_available(states, entity)}


def _is_available(states: dict[str, dict[str, Any]], entity: str) -> bool:
    return entity in states and states[entity]["state"] != "unavailable"


def topics(port: int, name: str) -> set[str]:
    return {topic for topic in kept(port, name) if topic.startswith("homeassistant/") and topic.endswith("/config")}


def test_no_entity_is_lost_or_doubled_when_the_limit_changes(tmp_path: Path) -> None:
    require_engine()
    for name in ("bus", "store", "mqtt", "home", "bridge"):
        (tmp_path / name).mkdir()
    port = free_port()
    with ExitStack() as stack, ExitStack() as broker:

        def change(more: str, changed: Callable[[set[str]], bool]) -> None:
            broker.close()
            broker.enter_context(mosquitto(tmp_path / "mqtt", port=port, more=more))
            wait_for(lambda: changed(topics(port, "reader")), "other descriptions")

        broker.enter_context(mosquitto(tmp_path / "mqtt", port=port))
        bus_url = stack.enter_context(redis_server(tmp_path / "bus"))
        store_url = stack.enter_context(redis_server(tmp_path / "store", append_only=True))
        assistant = stack.enter_context(home_assistant(tmp_path / "home", port))
        room = Room(bus_url)
        stack.callback(room.close)
        stack.enter_context(bridging(tmp_path / "bridge", bus_url, store_url, port))
        assistant.wait(PRESENCE, "off")
        assistant.ask("config/entity_registry/update", entity_id=PRESENCE, name=RENAMED)
        wait_for(lambda: len(topics(port, "first")) == 1, "the device's message")
        wait_for(lambda: {PRESENCE, COUNT} <= alive(assistant), "states")
        before, living = registered(assistant), alive(assistant)
        for more, changed, faces in (
            (LIMIT, lambda found: CONFIG not in found and len(found) > 10, 2),
            ("", lambda found: found == {CONFIG}, 3),
        ):
            change(more, changed)
            wait_for(lambda: living <= alive(assistant), "every entity to live")
            room.faces = faces
            assistant.wait(COUNT, str(faces))
            assert registered(assistant) == before
            assert assistant.states()[PRESENCE]["attributes"]["friendly_name"].endswith(RENAMED)
