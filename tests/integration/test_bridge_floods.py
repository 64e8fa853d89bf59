"""Floods, rights that are missing elsewhere than on events, and brokers that change leave the bridge at work."""

import json
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from facewire import keys
from facewire.messages import Person
from tests.integration.bridge import (
    BASE,
    CONFIG,
    Listener,
    Room,
    Running,
    Store,
    acknowledged,
    bridging,
    bursting,
    components,
    kept,
    listening,
    stored,
)
from tests.integration.test_bridge_rights import FREE, restricted
from tests.servers import free_port, mosquitto, wait_for

GARBAGE = (b"\xff\xfe\x00", b"[" * 50_000, b"[1,2]", b'{"at_ns":1e400}', b"A" * 1_000_000)
OWN = ("availability", "presence", "count", "last_face", "status", "detection", "privacy", "snapshot", "zone/porch")


def an_event_arrives(home: Listener, store: Store) -> None:
    store.tell(1)
    home.wait_for_events(range(1, 2))
    acknowledged(store)


def test_garbage_on_every_topic_of_ours_gives_way(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store, room: Room
) -> None:
    with listening(broker_port) as home:
        for leaf in OWN:
            for number, payload in enumerate(GARBAGE):
                home.publish(f"{BASE}/{'door' if number == 0 else f'yard-{number}'}/{leaf}", payload, retain=True)
        for number, payload in enumerate(GARBAGE):
            for topic in ("availability", "health", "recognition", "detect_every", "backend"):
                home.publish(f"{BASE}/{topic}", payload, retain=True)
            home.publish(f"{BASE}/people/{number}", payload, retain=True)
            home.publish(f"homeassistant/sensor/facewire_door-pi/g{number}/config", payload, retain=True)
            home.publish("homeassistant/status", payload, retain=True)
            home.publish(CONFIG, payload, retain=True)
            for command in ("recognition/set", "detect_every/set", "door/privacy/set"):
                home.publish(f"{BASE}/{command}", payload, retain=True)
        with bridging(tmp_path, bus_url, store_url, broker_port) as bridge:
            room.faces, room.who = 1, Person("Ada", 0.8)
            bridge.wait_until_healthy()
            an_event_arrives(home, store)
            wait_for(lambda: "door_presence" in components(home), "the description")
            for topic, payload in (
                ("availability", b"online"),
                ("door/presence", b"ON"),
                ("door/availability", b"online"),
            ):
                home.wait(f"{BASE}/{topic}", payload)

            def gone() -> bool:
                # Pictures of cameras that are no more are erased with them, a minute later.
                found = kept(broker_port, f"late-{time.monotonic_ns()}")
                ours = (each for each in found if each.startswith(BASE) or each.endswith("/config"))
                return not any(found[each] in GARBAGE for each in ours if not each.endswith(("/set", "/snapshot")))

            wait_for(gone, "garbage to be replaced")
            assert stored(store_url) == {}


@pytest.mark.usefixtures("room")
def test_a_flood_of_commands_leaves_the_last_one_obeyed(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store
) -> None:
    with bridging(tmp_path, bus_url, store_url, broker_port) as bridge, listening(broker_port) as home:
        bridge.wait_until_healthy()
        wait_for(lambda: "door_presence" in components(home), "the camera")
        for number in range(1000):
            payload = (b"\xff", b"OFF", b"ON", b"{}" * 1000)[number % 4]
            home._client.publish(f"{BASE}/door/privacy/set", payload, qos=0)
            home._client.publish("homeassistant/status", payload, qos=0)
            home._client.publish(f"{BASE}/nobody/privacy/set", payload, qos=0)
        an_event_arrives(home, store)
        time.sleep(1)
        home.publish(f"{BASE}/detect_every/set", b"5")
        home.publish(f"{BASE}/door/privacy/set", b"ON")
        wait_for(lambda: stored(store_url).get("detect_every") == "5", "the interval")
        wait_for(lambda: stored(store_url).get("privacy:door") == "on", "privacy")
        assert bridge.healthy()


@pytest.mark.usefixtures("room")
def test_a_denied_will_is_named(tmp_path: Path, bus_url: str, store_url: str, store: Store) -> None:
    with (
        restricted(tmp_path, f"{FREE}topic deny {BASE}/availability\n") as (port, _),
        listening(port) as home,
        bridging(tmp_path, bus_url, store_url, port) as bridge,
    ):
        wait_for(lambda: f"{BASE}/availability" in bridge.says(), "the refusal")
        an_event_arrives(home, store)


def test_a_bridge_that_may_not_read_publishes(tmp_path: Path, bus_url: str, store_url: str, store: Store) -> None:
    with (
        restricted(tmp_path, "topic write #\nuser facewire\ntopic readwrite #\n") as (port, _),
        bridging(tmp_path, bus_url, store_url, port) as bridge,
    ):
        store.tell(1)
        wait_for(lambda: store.taken() == 1, "the event")
        acknowledged(store)
        bridge.wait_until_healthy()


def test_another_bridge_of_the_same_name_is_named(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    with (
        bridging(tmp_path, bus_url, store_url, broker_port) as first,
        bridging(folder, bus_url, store_url, broker_port) as second,
    ):
        wait_for(lambda: any("NODE_ID" in each.says() for each in (first, second)), "the collision")


def test_the_limit_shrinks_between_connections_and_events_arrive_during_restarts(
    tmp_path: Path, bus_url: str, store_url: str, store: Store, room: Room
) -> None:
    port = free_port()
    with ExitStack() as stack, ExitStack() as broker:
        broker.enter_context(mosquitto(tmp_path, port=port))
        home = stack.enter_context(listening(port))
        bridge: Running = stack.enter_context(bridging(tmp_path, bus_url, store_url, port))
        room.faces = 1
        wait_for(lambda: "door_presence" in components(home), "the device")
        with bursting(store) as burst:
            for more in ("max_packet_size 3000", ""):
                time.sleep(1)
                broker.close()
                broker.enter_context(mosquitto(tmp_path, port=port, more=more))
                wait_for(bridge.healthy, "health")
            numbers = burst.end()
        home.wait_for_events(numbers)
        acknowledged(store)
        wait_for(lambda: CONFIG in kept(port, f"late-{time.monotonic_ns()}"), "the device again")
        assert not any(topic.startswith("homeassistant/") and topic != CONFIG for topic in kept(port, "last"))
        assert json.loads(kept(port, "x")[CONFIG])["cmps"]
        assert store.client.xlen(keys.EVENTS.key()) == len(numbers)
