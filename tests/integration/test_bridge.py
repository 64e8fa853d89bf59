"""What a home hears of the bridge as a process, between real Redis servers and a real MQTT broker."""

import json
import os
import signal
import time
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

from tests.integration.bridge import (
    BASE,
    CONFIG,
    JPEG,
    Room,
    Store,
    acknowledged,
    bridging,
    broker_pid,
    event,
    holds,
    kept,
    listening,
    sent,
)
from tests.servers import free_port, listens, mosquitto, wait_for


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
