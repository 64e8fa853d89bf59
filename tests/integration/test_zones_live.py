"""Zones with the real tracker and the real bridge: what an edit, and what a kill, does to events and to the home."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from facewire import keys
from facewire.link import connect
from facewire.messages import FaceEvent
from tests.integration.bridge import BASE, CONFIG, Listener, bridging, kept
from tests.integration.door import DETECT_EVERY, events, put
from tests.processes import Running, service
from tests.servers import HUNG_S, free_port, wait_for
from tests.unit.scene import Scene, Walker

OFF, ON = b'{"occupancy":"OFF","count":0}', b'{"occupancy":"ON","count":1}'
# The face stands in the picture's left half.
SOMEBODY = Walker(150, 150)


def zone(name: str) -> str:
    return f"{{name: {name}, polygon: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}}"


def mark(path: Path, *zones: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(f"cameras:\n  door:\n    zones: [{', '.join(map(zone, zones))}]\n", encoding="utf-8")
    new.replace(path)


class Camera:
    """Films a face, or nobody, in real time, with a detector that finds it."""

    def __init__(self, bus_url: str) -> None:
        self.walkers: tuple[Walker, ...] = (SOMEBODY,)
        self._url = bus_url
        self._stop = Event()
        self._thread = Thread(target=self._film, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _film(self) -> None:
        bus, index = connect(self._url), 0
        while not self._stop.wait(1 / 15):
            index += 1
            scene, now_ns = Scene(*self.walkers), time.time_ns()
            bus.zadd(keys.CAMERAS, {"door": time.time()})
            put(bus, keys.FRAMES, replace(scene.frame(index), captured_ns=now_ns))
            if index % DETECT_EVERY == 0:
                put(bus, keys.DETECTIONS, replace(scene.detections(index), captured_ns=now_ns))


class House:
    """Both services, and who listens to them."""

    def __init__(self, folder: Path, bus_url: str, store_url: str, broker_port: int) -> None:
        self.folder, self.store_url, self.broker_port = folder, store_url, broker_port
        self.marked = folder / "cameras.yaml"
        self.camera = Camera(bus_url)
        self.home = Listener(broker_port, "home")
        self._bus_url = bus_url
        self._running = ExitStack()

    def start(self, *zones: str) -> Running:
        mark(self.marked, *zones)
        told = {"CAMERAS_FILE": str(self.marked)}
        self._running.enter_context(bridging(self.folder, self._bus_url, self.store_url, self.broker_port, **told))
        return self.start_tracker()

    def start_tracker(self) -> Running:
        told = {"BUS_URL": self._bus_url, "STORE_URL": self.store_url, "CAMERAS_FILE": str(self.marked)}
        (self.folder / "tracker").mkdir(exist_ok=True)
        metrics = str(free_port())
        return self._running.enter_context(service("tracker", self.folder / "tracker", METRICS_PORT=metrics, **told))

    def stop(self) -> None:
        self._running.close()
        self.home.close()
        self.camera.close()

    def events(self) -> list[FaceEvent]:
        return events(self.store_url)

    def told(self) -> list[tuple[str, int, str | None]]:
        return [(event.type, event.track_id, event.zone) for event in self.events()]

    def wait_for_zone(self, name: str, payload: bytes) -> None:
        self.home.wait(f"{BASE}/door/zone/{name}", payload)


@pytest.fixture
def house(tmp_path: Path, bus_url: str, store_url: str, broker_port: int) -> Iterator[House]:
    """A home that is not started yet."""
    house = House(tmp_path, bus_url, store_url, broker_port)
    yield house
    house.stop()


def test_zones_follow_an_edit_in_events_occupancy_and_entities(house: House) -> None:
    tracker = house.start("porch")
    house.wait_for_zone("porch", ON)
    mark(house.marked, "steps", "yard")
    wait_for(lambda: ("entered", 1, "steps") in house.told(), "the new zone to be entered")
    house.wait_for_zone("porch", b"")
    house.wait_for_zone("steps", ON)
    house.wait_for_zone("yard", ON)
    # Occupancy is read from tracks, and may be told before an event is stored.
    wait_for(lambda: len(house.told()) >= 5, "all events")
    assert house.told() == [
        ("appeared", 1, None),
        ("entered", 1, "porch"),
        ("left_zone", 1, "porch"),
        ("entered", 1, "steps"),
        ("entered", 1, "yard"),
    ]
    wait_for(lambda: tracker.notes()["cameras.yaml"] == "2 zones", what="the note")
    found = kept(house.broker_port, "latecomer")
    assert f"{BASE}/door/zone/porch" not in found
    entities = {key for key in json.loads(found[CONFIG])["cmps"] if key.endswith(".occupancy")}
    assert entities == {"door.steps.occupancy", "door.yard.occupancy"}

    house.marked.write_text("cameras:\n  door:\n    zone: []\n", encoding="utf-8")
    wait_for(lambda: tracker.counted("errors", kind="cameras.yaml") == 1, "the mistake")
    house.marked.write_text("", encoding="utf-8")
    wait_for(lambda: tracker.counted("errors", kind="cameras.yaml") == 2, "the empty file")
    assert f"{house.marked}:3:5: expected one of zones, lines, masks, found 'zone'" in tracker.output()
    assert len(house.told()) == 5
    assert house.home.latest(f"{BASE}/door/zone/steps") == ON


@pytest.mark.parametrize("goes", [True, False])
def test_whoever_was_in_a_zone_when_the_tracker_was_killed_has_left_it(house: House, *, goes: bool) -> None:
    killed = house.start("porch")
    house.wait_for_zone("porch", ON)
    wait_for(lambda: len(house.told()) == 2, what="both events")
    killed.process.kill()
    killed.process.wait(HUNG_S)
    killed_ns = time.time_ns()
    if goes:
        house.camera.walkers = ()
        time.sleep(1)
    house.start_tracker()
    again = [] if goes else [("appeared", 2, None), ("entered", 2, "porch")]
    closed = [("left_zone", 1, "porch"), ("left", 1, None)]
    expected = [("appeared", 1, None), ("entered", 1, "porch"), *closed, *again]
    wait_for(lambda: len(house.told()) >= len(expected), "the events")
    house.wait_for_zone("porch", OFF if goes else ON)
    # No longer than they were seen: dwelling counts until the kill, not until the restart.
    assert house.told() == expected
    came, left, went = house.events()[1:4]
    assert came.at_ns <= left.at_ns == went.at_ns <= killed_ns
    assert left.dwell_s == pytest.approx((left.at_ns - came.at_ns) / 1e9, abs=1e-3)
    assert (went.id, went.zones) == ("door-1-1-left", ("porch",))
    assert kept(house.broker_port, "latecomer")[f"{BASE}/door/zone/porch"] == (OFF if goes else ON)
    assert max(Counter(event.id for event in house.events()).values()) == 1
    time.sleep(1)
    assert house.told() == expected, "and nothing after it"


def test_ids_go_on_and_nobody_leaves_twice_however_often_it_is_killed(house: House) -> None:
    tracker = house.start("porch")
    for number in range(1, 4):
        wait_for(lambda number=number: ("entered", number, "porch") in house.told(), "the entry")  # type: ignore[misc]
        tracker.process.kill()
        tracker.process.wait(HUNG_S)
        tracker = house.start_tracker()
    wait_for(lambda: ("entered", 4, "porch") in house.told(), "the last entry")
    story = [(kind, track_id) for kind, track_id, _ in house.told()]
    whole = ("appeared", "entered", "left_zone", "left")
    assert story == [(kind, number) for number in range(1, 5) for kind in whole][:-2]
    house.camera.walkers = ()
    house.wait_for_zone("porch", OFF)
    wait_for(lambda: house.told()[-1][:2] == ("left", 4), "the last leaving")
    assert len(house.told()) == 16
