"""A real Home Assistant finds the bridge's device, follows its states, sees it go, and believes it when it returns."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from facewire.link import connect
from tests.compose.assistant import Assistant, home_assistant
from tests.compose.engine import require_engine
from tests.integration.bridge import JPEG, Room, Running, Store, bridging
from tests.servers import mosquitto, redis_server, wait_for

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]

NODE = "facewire_door_pi"
PRESENCE = f"binary_sensor.{NODE}_door_presence"
COUNT = f"sensor.{NODE}_door_count"
EVENT = f"event.{NODE}_door_event"
SNAPSHOT = f"image.{NODE}_door_snapshot"


class House:
    """A home with everything but cameras: store, broker, Home Assistant, bridge, and a stand-in for the tracker."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        for name in ("bus", "store", "mqtt", "home", "bridge"):
            (folder / name).mkdir()
        self._bus_url = stack.enter_context(redis_server(folder / "bus"))
        self._store_url = stack.enter_context(redis_server(folder / "store", append_only=True))
        self.port = stack.enter_context(mosquitto(folder / "mqtt"))
        self.assistant: Assistant = stack.enter_context(home_assistant(folder / "home", self.port))
        self.store = Store(connect(self._store_url))
        self.room = Room(self._bus_url)
        stack.callback(self.room.close)
        self.bridge = self.start_bridge()

    def start_bridge(self) -> Running:
        """Start the bridge, or another after one was killed."""
        self.bridge = self._stack.enter_context(
            bridging(self._folder / "bridge", self._bus_url, self._store_url, self.port)
        )
        return self.bridge


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    require_engine()
    with ExitStack() as stack:
        yield House(tmp_path_factory.mktemp("house"), stack)


def test_every_entity_appears(house: House) -> None:
    house.assistant.wait(PRESENCE, "off", 30)
    found = set(house.assistant.states())
    diagnostics = {f"sensor.{NODE}_{name}" for name in ("fps", "latency", "backend")}
    expected = {PRESENCE, COUNT, EVENT, SNAPSHOT, f"binary_sensor.{NODE}_problem", *diagnostics}
    assert expected <= found, sorted(expected - found)


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
    assert house.assistant.picture(SNAPSHOT) == JPEG


def test_entities_go_unavailable_with_the_bridge_and_return(house: House) -> None:
    house.assistant.wait(PRESENCE, "off")
    house.bridge.kill()
    house.assistant.wait(PRESENCE, "unavailable", 40)
    house.start_bridge()
    house.assistant.wait(PRESENCE, "off", 20)
    house.room.faces = 1
    house.assistant.wait(PRESENCE, "on")
    house.room.faces = 0
