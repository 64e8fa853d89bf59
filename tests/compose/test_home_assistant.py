"""A real Home Assistant finds the bridge's device, follows its states, sees it go, and believes it when it returns."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from facewire import keys
from facewire.link import connect
from facewire.messages import FaceEvent, Person
from tests.compose.assistant import Assistant, home_assistant
from tests.compose.engine import require_engine
from tests.integration.bridge import CONFIG, JPEG, Room, Running, Store, bridging, fields, listening
from tests.integration.doors import Visitor
from tests.servers import mosquitto, redis_server, wait_for

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]

NODE = "facewire_door_pi"
PRESENCE = f"binary_sensor.{NODE}_door_presence"
COUNT = f"sensor.{NODE}_door_count"
EVENT = f"event.{NODE}_door_event"
SNAPSHOT = f"image.{NODE}_door_snapshot"


RULES = """
locks:
  front:
    topic: gate/front/command
    unlock: {people: [Ada], cameras: [gate], of_looks: [3, 4], second_factor: confirm}
rules:
  - name: Ada comes home
    when: {event: identified, person: Ada, camera: gate}
    do: [unlock: front]
"""


def identified(name: str, track: int) -> FaceEvent:
    now_ns = time.time_ns()
    who = Person(name, 0.8, live=True)
    return FaceEvent(f"door-{track}-identified", "identified", "door", track, who, now_ns, now_ns)


class House:
    """A home with everything but cameras: store, broker, Home Assistant, bridge, and a stand-in for the tracker."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        for name in ("bus", "store", "mqtt", "home", "bridge"):
            (folder / name).mkdir()
        self._rules = folder / "rules.yaml"
        self._rules.write_text(RULES, encoding="utf-8")
        self.bus_url = stack.enter_context(redis_server(folder / "bus"))
        self._store_url = stack.enter_context(redis_server(folder / "store", append_only=True))
        self.port = stack.enter_context(mosquitto(folder / "mqtt"))
        self.assistant: Assistant = stack.enter_context(home_assistant(folder / "home", self.port))
        self.store = Store(connect(self._store_url))
        self.room = Room(self.bus_url)
        stack.callback(self.room.close)
        self.bridge = self.start_bridge()

    def start_bridge(self) -> Running:
        """Start the bridge, or another after one was killed."""
        self.bridge = self._stack.enter_context(
            bridging(self._folder / "bridge", self.bus_url, self._store_url, self.port, RULES_FILE=str(self._rules))
        )
        return self.bridge


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    require_engine()
    with ExitStack() as stack:
        yield House(tmp_path_factory.mktemp("house"), stack)


def test_every_entity_appears_as_the_device_describes_it(house: House) -> None:
    house.assistant.wait(PRESENCE, "off")
    with listening(house.port, "describer") as listener:
        wait_for(lambda: f"{NODE}_door_presence".encode() in listener.latest(CONFIG), what="the description")

        def wanted() -> set[str]:
            described = json.loads(listener.latest(CONFIG))["cmps"].values()
            return {part["default_entity_id"] for part in described if "default_entity_id" in part}

        # Home Assistant makes them one after another, and what there is may be described anew meanwhile.
        wait_for(lambda: wanted() <= set(house.assistant.states()), "every entity")
        kinds = {entity.partition(".")[0] for entity in wanted()}
    everything = {"binary_sensor", "sensor", "event", "image", "camera", "switch", "number", "select", "update"}
    assert everything <= kinds, sorted(everything - kinds)


def test_each_event_is_a_trigger_of_the_device(house: House) -> None:
    (device,) = [each for each in house.assistant.ask("config/device_registry/list") if each["name"] == "facewire"]
    triggers = house.assistant.ask("device_automation/trigger/list", device_id=device["id"])
    offered = {(each["type"], each["subtype"]) for each in triggers if each["domain"] == "mqtt"}
    assert {kind for kind, _ in offered} >= {"appeared", "identified", "unknown", "left"}, offered


def test_states_follow_who_is_there(house: House) -> None:
    house.room.faces = 2
    house.assistant.wait(PRESENCE, "on")
    house.assistant.wait(COUNT, "2")
    house.room.faces = 0
    house.assistant.wait(COUNT, "0")
    house.assistant.wait(PRESENCE, "off")


def test_an_event_and_its_picture_arrive(house: House) -> None:
    before = house.assistant.state(EVENT)
    house.store.tell(1)
    wait_for(lambda: house.assistant.state(EVENT) not in (before, "unknown"), what="the event")
    told = house.assistant.states()[EVENT]["attributes"]
    assert (told["event_type"], told["id"], told["track_id"]) == ("appeared", "door-1-appeared", 1)
    wait_for(lambda: house.assistant.picture(SNAPSHOT) == JPEG, "the picture")


@pytest.mark.parametrize("name", ["detection", "privacy"])
def test_a_switch_of_a_camera_is_kept_in_the_store(house: House, name: str) -> None:
    entity, field = f"switch.{NODE}_door_{name}", f"{name}:door"
    wait_for(lambda: house.assistant.state(entity) in ("on", "off"), "the switch")
    before = house.assistant.state(entity)
    wanted, service = ("off", "switch.turn_off") if before == "on" else ("on", "switch.turn_on")
    house.assistant.do(service, entity_id=entity)
    house.assistant.wait(entity, wanted)
    assert house.store.client.hget(keys.CONTROLS, field) == wanted.encode()
    house.assistant.do("switch.toggle", entity_id=entity)
    house.assistant.wait(entity, before)


def test_the_detect_interval_is_set_and_recognition_turned_off(house: House) -> None:
    interval, recognition = f"number.{NODE}_detect_interval", f"switch.{NODE}_recognition"
    house.assistant.do("number.set_value", entity_id=interval, value=7)
    house.assistant.wait(interval, "7")
    house.assistant.do("switch.turn_off", entity_id=recognition)
    house.assistant.wait(recognition, "off")
    kept = house.store.client.hgetall(keys.CONTROLS)
    assert (kept[b"detect_every"], kept[b"recognition"]) == (b"7", b"off")
    house.assistant.do("switch.turn_on", entity_id=recognition)
    house.assistant.wait(recognition, "on")


def test_who_is_identified_is_present_and_the_last_face(house: House) -> None:
    house.store.client.xadd(keys.EVENTS.key(), fields(identified("Ada", 77)))
    house.assistant.wait(f"sensor.{NODE}_door_last_face", "Ada")
    house.room.who, house.room.faces = Person("Ada", 0.8, live=True), 1
    house.assistant.wait(f"binary_sensor.{NODE}_person_ada", "on")
    house.room.who, house.room.faces = None, 0
    house.assistant.wait(f"binary_sensor.{NODE}_person_ada", "off")


def test_the_live_picture_arrives(house: House) -> None:
    house.room.pictures = True
    still = f"camera.{NODE}_door_still"
    wait_for(lambda: house.assistant.picture(still).startswith(b"\xff\xd8"), "a picture")
    house.room.pictures = False


def test_a_door_opens_when_home_assistant_confirms_who_stands_there(house: House) -> None:
    switch, confirm = f"switch.{NODE}_lock_front_unlocking", f"button.{NODE}_lock_front_confirm"
    pending, decision = f"binary_sensor.{NODE}_lock_front_pending", f"event.{NODE}_lock_front_decision"
    visitor = Visitor(house.bus_url, "gate")
    try:
        with listening(house.port, "gate") as gate:
            house.assistant.wait(switch, "off")
            house.assistant.do("switch.turn_on", entity_id=switch)
            house.assistant.wait(switch, "on")
            visitor.track = 1
            house.assistant.wait(pending, "on")
            assert gate.payloads("gate/front/command") == []
            house.assistant.do("button.press", entity_id=confirm)
            wait_for(lambda: len(gate.payloads("gate/front/command")) == 1, what="the command")
            assert json.loads(gate.latest("gate/front/command"))["command"] == "UNLOCK"
            told = "attributes"
            wait_for(lambda: house.assistant.states()[decision][told].get("event_type") == "sent", what="the decision")
    finally:
        visitor.close()


def test_entities_go_unavailable_with_the_bridge_and_return(house: House) -> None:
    house.assistant.wait(PRESENCE, "off")
    house.bridge.kill()
    house.assistant.wait(PRESENCE, "unavailable")
    house.start_bridge()
    house.assistant.wait(PRESENCE, "off")
    house.room.faces = 1
    house.assistant.wait(PRESENCE, "on")
    house.room.faces = 0
