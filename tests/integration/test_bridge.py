"""The bridge as a process, between real Redis servers and a real MQTT broker, in every kind of weather."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import pytest

from facewire import keys
from facewire.link import connect
from tests.integration.bridge import (
    BASE,
    CONFIG,
    JPEG,
    Room,
    Store,
    acknowledged,
    bridging,
    broker_pid,
    bursting,
    event,
    holds,
    kept,
    listening,
    metrics,
    sent,
)
from tests.places import ROOT
from tests.processes import SECRET
from tests.servers import HUNG_S, free_port, listens, mosquitto, wait_for


@pytest.fixture
def room(bus_url: str) -> Iterator[Room]:
    """A camera before which nobody is yet."""
    room = Room(bus_url)
    yield room
    room.close()


@pytest.fixture
def store(store_url: str) -> Store:
    """The events' store."""
    return Store(connect(store_url))


# ---- what a home hears


def test_a_home_hears_who_is_there_and_finds_it_when_it_comes_late(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room, store: Store
) -> None:
    began_ns = time.time_ns()
    with bridging(tmp_path, bus_url, store_url, broker_port) as bridge, listening(broker_port) as home:
        home.wait(f"{BASE}/door/presence", b"OFF")
        room.faces = 2
        home.wait(f"{BASE}/door/presence", b"ON")
        home.wait(f"{BASE}/door/count", b"2")
        wait_for(lambda: bool(home.payloads(f"{BASE}/door/faces")), what="faces")
        faces = json.loads(home.latest(f"{BASE}/door/faces"))
        assert [face["id"] for face in faces["faces"]] == [1, 2]
        assert began_ns < faces["captured_ns"] < time.time_ns()
        store.tell(1)
        home.wait_for_events(range(1, 2))
        acknowledged(store)
        bridge.wait_until_healthy()

        found = kept(broker_port, "latecomer")
        assert found[f"{BASE}/availability"] == found[f"{BASE}/door/availability"] == b"online"
        assert (found[f"{BASE}/door/presence"], found[f"{BASE}/door/count"]) == (b"ON", b"2")
        assert found[f"{BASE}/door/snapshot"] == JPEG
        assert "door_presence" in json.loads(found[CONFIG])["cmps"]
        assert f"{BASE}/door/event" not in found
        assert f"{BASE}/door/faces" not in found

        room.faces = 0
        home.wait(f"{BASE}/door/presence", b"OFF")
        # A state that changes while the bridge connects is said twice: as what is new, and with everything.
        counts = [count for count, _ in groupby(home.payloads(f"{BASE}/door/count"))]
        assert counts == [b"0", b"2", b"0"]
        assert json.loads(home.latest(f"{BASE}/door/faces"))["faces"] == []
        assert home.event_ids() == [event(1).id]


def test_a_home_assistant_that_starts_is_told_everything_again(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room
) -> None:
    with bridging(tmp_path, bus_url, store_url, broker_port), listening(broker_port) as home:
        home.wait(f"{BASE}/availability", b"online")
        room.faces = 1
        home.wait(f"{BASE}/door/presence", b"ON")
        told, said = len(home.payloads(CONFIG)), len(home.payloads(f"{BASE}/door/presence"))
        home.publish("homeassistant/status", b"offline")
        home.publish("homeassistant/status", b"online")
        wait_for(lambda: len(home.payloads(f"{BASE}/door/presence")) == said + 1, what="the states")
        assert home.latest(f"{BASE}/door/presence") == b"ON"
        assert len(home.payloads(CONFIG)) == told + 1
        assert "door_presence" in json.loads(home.latest(CONFIG))["cmps"]


def test_how_the_services_fare_is_told_and_kept(tmp_path: Path, bus_url: str, store_url: str, broker_port: int) -> None:
    topic = f"{BASE}/health"
    with bridging(tmp_path, bus_url, store_url, broker_port), listening(broker_port) as home:
        wait_for(lambda: b"iot-bridge" in home.latest(topic), "the health of the services")
        assert json.loads(kept(broker_port, "latecomer")[topic])["services"].keys() == {"iot-bridge"}


def test_what_was_on_its_way_when_the_broker_went_does_not_overtake_what_is_true_now(
    tmp_path: Path, bus_url: str, store_url: str, store: Store, room: Room
) -> None:
    port, metrics_port = free_port(), free_port()
    with ExitStack() as first, bridging(tmp_path, bus_url, store_url, port, METRICS_PORT=str(metrics_port)) as bridge:
        first.enter_context(mosquitto(tmp_path, port=port))
        wait_for(lambda: kept(port, "early").get(f"{BASE}/door/presence") == b"OFF", what="the first states")
        pid = broker_pid(tmp_path)
        os.kill(pid, signal.SIGSTOP)
        before, room.faces = sent(metrics_port), 1
        wait_for(lambda: sent(metrics_port) >= before + 3, what="presence, count and faces to be sent")
        os.kill(pid, signal.SIGKILL)
        room.faces = 0
        wait_for(lambda: not bridge.healthy(), "the loss to be noticed")
        first.close()
        assert holds(lambda: not listens(port), 2.5), "presence goes off after two seconds"
        with mosquitto(tmp_path, port=port), listening(port) as home:
            bridge.wait_until_healthy()
            # A busy bridge may have been late with it.
            home.wait(f"{BASE}/door/presence", b"OFF")
            # Whatever would be sent again is sent before an event.
            store.tell(1)
            home.wait_for_events(range(1, 2))
            assert kept(port, "late")[f"{BASE}/door/presence"] == b"OFF"
            bridge.stop()


# ---- events are never lost


def test_an_event_is_acknowledged_only_when_the_broker_has_it(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store
) -> None:
    with bridging(tmp_path, bus_url, store_url, broker_port) as bridge, listening(broker_port) as home:
        bridge.wait_until_healthy()
        pid = broker_pid(tmp_path / "mqtt")
        os.kill(pid, signal.SIGSTOP)
        try:
            store.tell(1, 2)
            wait_for(lambda: store.taken() > 0, what="an event to be taken")
            assert holds(store.keeps_all, 1.5)
        finally:
            os.kill(pid, signal.SIGCONT)
        home.wait_for_events(range(1, 3))
        acknowledged(store)
        assert home.event_ids() == [event(1).id, event(2).id]


def test_a_broker_that_is_not_there_is_waited_for_and_gets_the_event(
    tmp_path: Path, bus_url: str, store_url: str, store: Store
) -> None:
    port = free_port()
    with bridging(tmp_path, bus_url, store_url, port) as bridge:
        store.tell(1)
        wait_for(lambda: store.taken() == 1, what="the event to be taken")
        check = [sys.executable, "-m", "facewire.health", "iot-bridge", str(bridge.run_dir)]
        done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, timeout=HUNG_S, check=False)
        assert done.returncode == 1
        assert done.stdout == f"iot-bridge: waiting for the MQTT broker at 127.0.0.1:{port}\n"
        assert store.pending() == 1
        with ExitStack() as there:
            # Else it might send the event before anybody listens.
            with bridge.held():
                there.enter_context(mosquitto(tmp_path, port=port))
                home = there.enter_context(listening(port))
            bridge.wait_until_healthy()
            home.wait_for_events(range(1, 2))
            acknowledged(store)
            # Before the broker goes: the bridge's last word must find it.
            bridge.stop()


def test_no_event_is_lost_when_the_broker_restarts_in_a_burst(
    tmp_path: Path, bus_url: str, store_url: str, store: Store, room: Room
) -> None:
    port = free_port()
    with ExitStack() as first, ExitStack() as rest:
        first.enter_context(mosquitto(tmp_path, port=port))
        bridge = rest.enter_context(bridging(tmp_path, bus_url, store_url, port))
        home = rest.enter_context(listening(port))
        room.faces = 1
        home.wait(f"{BASE}/door/presence", b"ON")
        burst = rest.enter_context(bursting(store))
        home.wait_for_events(range(1, 20))
        first.close()
        wait_for(lambda: not bridge.healthy(), "the loss to be noticed")
        assert f"the MQTT broker at 127.0.0.1:{port}" in bridge.says()
        room.faces = 0
        wait_for(lambda: store.pending() > 0 and store.taken() < burst.told, "events that the bridge cannot deliver")
        told = burst.end()
        with mosquitto(tmp_path, port=port):
            bridge.wait_until_healthy()
            home.wait_for_events(told)
            acknowledged(store)
            # What changed while nobody could hear it.
            home.wait(f"{BASE}/door/presence", b"OFF")
            rest.close()
            assert kept(port, "latecomer")[f"{BASE}/availability"] == b"offline"


def test_no_event_is_lost_when_the_bridge_is_killed_in_a_burst(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store
) -> None:
    with listening(broker_port) as home:
        with bridging(tmp_path, bus_url, store_url, broker_port) as bridge:
            bridge.wait_until_healthy()
            with bursting(store) as burst:
                home.wait_for_events(range(1, 30))
                bridge.kill()
                wait_for(lambda: store.taken() < burst.told, "an event that nobody took")
                told = burst.end()
        home.wait(f"{BASE}/availability", b"offline")
        assert kept(broker_port, "latecomer")[f"{BASE}/availability"] == b"offline"
        with bridging(tmp_path, bus_url, store_url, broker_port):
            home.wait(f"{BASE}/availability", b"online")
            home.wait_for_events(told)
            acknowledged(store)


def test_a_malformed_event_is_counted_and_the_next_one_arrives(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store
) -> None:
    metrics_port = free_port()
    with (
        listening(broker_port) as home,
        bridging(tmp_path, bus_url, store_url, broker_port, METRICS_PORT=str(metrics_port)),
    ):
        store.client.xadd(keys.EVENTS.key(), {"m": b"garbage"})
        store.client.xadd(keys.EVENTS.key(), {"other": b"x"})
        store.tell(1)
        home.wait_for_events(range(1, 2))
        assert 'facewire_iot_bridge_rejected_total{reason="not_msgpack"} 2.0' in metrics(metrics_port)
        acknowledged(store)


def test_a_store_that_was_emptied_is_gone_on_with(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store
) -> None:
    with listening(broker_port) as home, bridging(tmp_path, bus_url, store_url, broker_port) as bridge:
        store.tell(1)
        home.wait_for_events(range(1, 2))
        store.client.flushall()
        store.tell(2)
        home.wait_for_events(range(2, 3))
        acknowledged(store)
        bridge.wait_until_healthy()


def test_events_do_not_wait_for_the_bus(tmp_path: Path, store_url: str, broker_port: int, store: Store) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with listening(broker_port) as home, bridging(tmp_path, nowhere, store_url, broker_port) as bridge:
        store.tell(1)
        home.wait_for_events(range(1, 2))
        wait_for(lambda: "waiting for Redis 'bus'" in bridge.says(), what="the missing bus to be noticed")


# ---- ends


def test_a_stopped_bridge_says_so_and_the_broker_keeps_it(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    with bridging(tmp_path, bus_url, store_url, broker_port) as bridge:
        wait_for(lambda: kept(broker_port, "first").get(f"{BASE}/availability") == b"online", what="the bridge")
        bridge.stop()
    assert kept(broker_port, "second")[f"{BASE}/availability"] == b"offline"
    assert list((tmp_path / "run").iterdir()) == []


def test_a_killed_bridge_leaves_no_presence_behind_when_the_camera_is_gone_too(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room
) -> None:
    with listening(broker_port) as home:
        with bridging(tmp_path, bus_url, store_url, broker_port) as bridge:
            room.faces = 1
            home.wait(f"{BASE}/door/presence", b"ON")
            bridge.kill()
        room.close()
        with bridging(tmp_path, bus_url, store_url, broker_port):
            home.wait(f"{BASE}/door/availability", b"offline")
            home.wait(f"{BASE}/door/presence", b"OFF")
            home.wait(f"{BASE}/door/count", b"0")
            assert "door_presence" in json.loads(home.latest(CONFIG))["cmps"]


def marked(folder: Path, *zones: str) -> str:
    path = folder / "cameras.yaml"
    entries = "".join(f"      - {{name: {zone}, polygon: [[0, 0], [1, 0], [1, 1]]}}\n" for zone in zones)
    path.write_text(f"cameras:\n  door:\n    zones:\n{entries}", encoding="utf-8")
    return str(path)


def test_a_zones_state_is_kept_and_true_whoever_was_killed_and_erased_with_the_zone(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room
) -> None:
    porch, steps = f"{BASE}/door/zone/porch", f"{BASE}/door/zone/steps"
    with listening(broker_port) as home:
        both = marked(tmp_path, "porch", "steps")
        with bridging(tmp_path, bus_url, store_url, broker_port, CAMERAS_FILE=both) as bridge:
            home.wait(porch, b'{"occupancy":"OFF","count":0}')
            room.zones, room.faces = ("porch", "steps"), 2
            home.wait(porch, b'{"occupancy":"ON","count":2}')
            home.wait(steps, b'{"occupancy":"ON","count":2}')
            assert "door.steps.occupancy" in json.loads(home.latest(CONFIG))["cmps"]
            bridge.kill()
        room.zones, room.faces = (), 1
        one = marked(tmp_path, "porch")
        with bridging(tmp_path, bus_url, store_url, broker_port, CAMERAS_FILE=one):
            home.wait(porch, b'{"occupancy":"OFF","count":0}')
            home.wait(steps, b"")
            configs = [json.loads(payload)["cmps"] for payload in home.payloads(CONFIG)]
            assert {"p": "binary_sensor"} in [config.get("door.steps.occupancy") for config in configs]
            wait_for(lambda: "door_presence" in json.loads(home.latest(CONFIG))["cmps"], what="the camera")
            found = kept(broker_port, "latecomer")
    assert steps not in found
    assert {key for key in json.loads(found[CONFIG])["cmps"] if "." in key and ".on." not in key} == {
        "door.porch.occupancy",
        "door.porch.count",
    }
    assert found[porch] == b'{"occupancy":"OFF","count":0}'


def test_the_bridge_ends_in_time_while_a_broker_accepts_and_never_answers(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        bridging(tmp_path, bus_url, store_url, mute.getsockname()[1]) as bridge,
        mute.accept()[0] as line,
    ):
        assert line.recv(1), "the broker was asked"
        assert not bridge.healthy()
        bridge.stop()


def test_the_bridge_ends_in_time_while_the_brokers_host_does_not_answer(
    tmp_path: Path, bus_url: str, store_url: str
) -> None:
    with socket.socket() as deaf, ExitStack() as callers:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        # Its queue is full: whoever comes next is left without an answer.
        for _ in range(4):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)  # noqa: FBT003  not ours to name
            caller.connect_ex(("127.0.0.1", port))
        with bridging(tmp_path, bus_url, store_url, port) as bridge:
            bridge.stop()


# ---- secrets


def test_a_wrong_password_is_said_and_waited_out_and_never_shown(tmp_path: Path, bus_url: str, store_url: str) -> None:
    wrong = {"MQTT_USERNAME": "facewire", "MQTT_PASSWORD": SECRET}
    with mosquitto(tmp_path, password="right") as port, bridging(tmp_path, bus_url, store_url, port, **wrong) as bridge:
        wait_for(lambda: "which refuses us" in bridge.says(), what="the refusal")
        assert holds(lambda: not bridge.healthy() and "which refuses us" in bridge.says(), 3)
        assert bridge.process.poll() is None
        assert SECRET not in (bridge.run_dir / "iot-bridge.json").read_text(encoding="utf-8")


def test_the_right_password_lets_it_in(tmp_path: Path, bus_url: str, store_url: str) -> None:
    right = {"MQTT_USERNAME": "facewire", "MQTT_PASSWORD": SECRET}
    with mosquitto(tmp_path, password=SECRET) as port, bridging(tmp_path, bus_url, store_url, port, **right) as bridge:
        bridge.wait_until_healthy()
        assert SECRET not in (bridge.run_dir / "iot-bridge.json").read_text(encoding="utf-8")
