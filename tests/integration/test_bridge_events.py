"""No event is lost, whatever becomes of broker, bridge, bus and store."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from facewire import keys
from tests.integration.bridge import (
    BASE,
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
)
from tests.places import ROOT
from tests.servers import HUNG_S, free_port, mosquitto, wait_for


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
