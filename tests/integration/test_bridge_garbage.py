"""What others put where the bridge reads at its start is replaced; bursts of messages are answered once."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from iot_bridge.people import key_of

from facewire import keys
from facewire.messages import Person
from tests.integration.bridge import (
    BASE,
    CONFIG,
    Room,
    Store,
    acknowledged,
    bridging,
    components,
    event,
    fields,
    holds,
    kept,
    listening,
)
from tests.servers import wait_for

FACE = f"{BASE}/door/last_face"
ADA = f"{BASE}/people/{key_of('Ada')}"
GOOD_FACE = b'{"name":"Ada","at":"2026-01-01T00:00:00.000+00:00","at_ns":%d,"track_id":1,"similarity":0.5}'
FAR_NS = 4_102_444_800_000_000_000
GARBAGE = {
    "23 digits": GOOD_FACE % (10**22),
    "not JSON": b"{",
    "not text": b"\xff\xfe\x00",
    "a list": b"[1,2]",
    "nested": b"[" * 100_000,
    "wrong types": b'{"name":7,"at":[],"at_ns":"soon","track_id":{},"similarity":"x"}',
    "NaN": b'{"name":"Ada","at":"x","at_ns":NaN,"track_id":1,"similarity":NaN}',
    "true": b'{"name":"Ada","at":"x","at_ns":true,"track_id":1,"similarity":null}',
    "half a character": b'{"name":"\\ud800","at":"x","at_ns":5,"track_id":1,"similarity":null}',
    "negative": GOOD_FACE % -5,
    "huge": b'{"name":"' + b"A" * 300_000 + b'"}',
}


def identified(number: int) -> dict[object, object]:
    who = Person("Bob", 0.75)
    now_ns = time.time_ns()
    happened = replace(event(number), type="identified", identity=who, snapshot=None, started_ns=1, at_ns=now_ns)
    return fields(replace(happened, id=f"door-{number}-identified"))


def test_garbage_is_replaced_and_newer_states_take_its_place(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, store: Store
) -> None:
    """All kinds at once, each for a camera and a person of its own."""
    cameras = {f"camera-{number}": payload for number, payload in enumerate(GARBAGE.values())}
    with listening(broker_port) as home:
        for camera, payload in cameras.items():
            home.publish(f"{BASE}/{camera}/availability", payload, retain=True)
            home.publish(f"{BASE}/{camera}/last_face", payload, retain=True)
            home.publish(f"{BASE}/people/{camera}", payload, retain=True)
            home.publish(f"{BASE}/{camera}/zone/porch", payload, retain=True)
        # This is kept until somebody is seen: the wrong clock may be ours.
        home.publish(f"{BASE}/door/last_face", GOOD_FACE % FAR_NS, retain=True)
        home.publish(FACE.replace("door", "hall"), GOOD_FACE % 1_700_000_000_000_000_000, retain=True)
        home.publish("homeassistant/status", b"\xff", retain=True)
        home.publish("facewire/latest_version", b"\xff", retain=True)
        home.publish(f"{BASE}/recognition/set", b"OFF", retain=True)
        with bridging(tmp_path, bus_url, store_url, broker_port) as bridge:
            bridge.wait_until_healthy()

            def erased() -> bool:
                found = kept(broker_port, f"latecomer-{time.monotonic_ns()}")
                faces = {f"{BASE}/{camera}/last_face" for camera in cameras}
                people = {f"{BASE}/people/{camera}" for camera in cameras}
                return not (faces | people) & found.keys()

            wait_for(erased, "what cannot be read to be erased")
            store.client.xadd(keys.EVENTS.key(), identified(1))
            wait_for(lambda: b'"name":"Bob"' in home.latest(FACE), "the newer face")
            acknowledged(store)
            # What can be read is kept.
            assert b'"name":"Ada"' in kept(broker_port, "last")[FACE.replace("door", "hall")]
            wait_for(lambda: home.latest(f"{BASE}/camera-0/availability") == b"offline", "what is true")
            bridge.stop()


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps({"cmps": {"x": {"p": "toaster", "name": "x"}, "\ud800": {"p": "sensor", "name": "x"}}}).encode(),
        json.dumps({"cmps": {"x": {"p": [1], "name": "x"}}}).encode(),
        b"[" * 100_000,
        b"\xff",
    ],
    ids=["platforms", "types", "nested", "bytes"],
)
def test_a_garbage_description_spoils_none_of_ours(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room, payload: bytes
) -> None:
    room.faces = 1
    with listening(broker_port) as home:
        home.publish(CONFIG, payload, retain=True)
        with bridging(tmp_path, bus_url, store_url, broker_port):
            wait_for(lambda: home.latest(CONFIG) != payload and "door_presence" in components(home), "ours")
            # By then what remains of earlier runs is removed.
            time.sleep(10.5 if b"toaster" in payload else 0)
            assert "x" not in components(home)


def test_somebody_of_the_far_future_is_forgotten_one_day(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room
) -> None:
    state = {"name": "Ada", "presence": "OFF", "camera": "door", "at": "9999-01-01T00:00:00+00:00"}
    with listening(broker_port) as home:
        home.publish(ADA, json.dumps(state).encode(), retain=True)
        with bridging(tmp_path, bus_url, store_url, broker_port):
            room.faces = 1
            wait_for(lambda: f"person.{key_of('Ada')}" in components(home), "Ada")
            wait_for(lambda: json.loads(home.latest(ADA))["at"] < "9999", "a time that may be")


def test_a_burst_of_birth_messages_is_answered_once_and_a_later_one_again(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int, room: Room
) -> None:
    with bridging(tmp_path, bus_url, store_url, broker_port) as bridge, listening(broker_port) as home:
        bridge.wait_until_healthy()
        room.faces = 1
        wait_for(lambda: "door_presence" in components(home), "the description")
        before = len(home.payloads(CONFIG))
        for _ in range(1000):
            home._client.publish("homeassistant/status", b"online", qos=0)
        wait_for(lambda: len(home.payloads(CONFIG)) > before, "an answer")
        assert holds(lambda: len(home.payloads(CONFIG)) == before + 1, 3)
        home.publish("homeassistant/status", b"online")
        wait_for(lambda: len(home.payloads(CONFIG)) == before + 2, "another answer")


def test_many_people_of_an_earlier_run_are_described_together(
    tmp_path: Path, bus_url: str, store_url: str, broker_port: int
) -> None:
    with listening(broker_port) as home:
        for number in range(100):
            name = f"Person {number}"
            state = {"name": name, "presence": "OFF", "camera": "door", "at": "2026-11-01T00:00:00+00:00"}
            home.publish(f"{BASE}/people/{key_of(name)}", json.dumps(state).encode(), retain=True)
        with bridging(tmp_path, bus_url, store_url, broker_port, PEOPLE_KEPT_DAYS="3650"):
            wait_for(lambda: sum("person." in key for key in components(home)) == 100, "all people")
            assert len(home.payloads(CONFIG)) < 15
